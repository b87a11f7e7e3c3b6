-- Rules are asked in an order of their own: one that takes the place of another one is asked where that one was.
create sequence "HoldRule_position_seq" as integer;
alter table "HoldRule" add column "position" integer;
update "HoldRule" r set "position" = o."position"
  from (select "id", row_number() over (order by "createdAt", "id") as "position" from "HoldRule") o where o."id" = r."id";
alter table "HoldRule" alter column "position" set not null, alter column "position" set default nextval('"HoldRule_position_seq"');
alter sequence "HoldRule_position_seq" owned by "HoldRule"."position";
select setval('"HoldRule_position_seq"', (select coalesce(max("position"), 0) + 1 from "HoldRule"), false);
