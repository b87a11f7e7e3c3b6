alter table "ReviewItem" add column "decidedForId" uuid;
alter table "ReviewCampaign" add column "viewName" text;
