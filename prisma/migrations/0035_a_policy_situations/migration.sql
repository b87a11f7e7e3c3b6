-- What the central policies were asked, once for each different question: audit rows name it by its digest.
CREATE TABLE "PolicySituation" (
    "digest" TEXT NOT NULL,
    "facts" JSONB NOT NULL,
    "firstSeenAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "PolicySituation_pkey" PRIMARY KEY ("digest")
);

-- A row that an audit row names is as unchangeable as that one.
create trigger policy_situation_append_only before update or delete on "PolicySituation" for each row execute function refuse_change();
create trigger policy_situation_no_truncate before truncate on "PolicySituation" for each statement execute function refuse_change();
