-- Rows come in the order of time, so ranges of it are found by block: a tree costs every row that is written more than it saves whoever forgets or forecasts.
drop index "AgentToolDay_day_idx";
create index "AgentToolDay_day_idx" on "AgentToolDay" using brin ("day");
drop index "ToolHour_hour_idx";
create index "ToolHour_hour_idx" on "ToolHour" using brin ("hour");
