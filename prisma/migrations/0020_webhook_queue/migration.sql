-- Deliveries that are due, and those that are old: the rows are the queue.
create index "WebhookDelivery_due" on "WebhookDelivery" ("nextAttemptAt", "id") where "state" = 'pending';
create index "WebhookDelivery_settledAt" on "WebhookDelivery" ("settledAt") where "settledAt" is not null;
