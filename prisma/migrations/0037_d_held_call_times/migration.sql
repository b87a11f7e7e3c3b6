-- What came of held calls is added up by time, and by rule.
create index "HeldCall_createdAt_idx" on "HeldCall"("createdAt");
create index "HeldCall_ruleId_createdAt_idx" on "HeldCall"("ruleId", "createdAt");
