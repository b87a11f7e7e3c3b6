-- What arguments were like is added up by itself, ahead of traffic: from where both were.
insert into "TrafficCursor" ("id", "seq") select 2, "seq" from "TrafficCursor" where "id" = 1 on conflict do nothing;
