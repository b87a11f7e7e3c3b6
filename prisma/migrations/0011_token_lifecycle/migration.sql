-- A key that must not verify anything any more, because its private half may be in other hands.
ALTER TABLE "SigningKey" ADD COLUMN "withdrawnAt" TIMESTAMPTZ(3);

-- Tokens that were ended before their time; kept until they would have expired anyway.
CREATE TABLE "RevokedToken" (
    "jti" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "revokedAt" TIMESTAMPTZ(3) NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "RevokedToken_pkey" PRIMARY KEY ("jti")
);
CREATE INDEX "RevokedToken_expiresAt_idx" ON "RevokedToken"("expiresAt");
CREATE INDEX "AgentCredential_revokedAt_idx" ON "AgentCredential"("revokedAt");

-- Brokers refuse the tokens of a credential, and a token, as soon as it is revoked.
create trigger noted_revoked_credential after update of "revokedAt" on "AgentCredential"
  for each row when (old."revokedAt" is distinct from new."revokedAt") execute function note_policy_change('revocation', 'clientId');
create trigger noted_revoked_token after insert on "RevokedToken"
  for each row execute function note_policy_change('revocation', 'jti');
create trigger policy_revoked_credential after update of "revokedAt" on "AgentCredential"
  for each statement execute function notify_policy();
create trigger policy_revoked_token after insert on "RevokedToken" for each statement execute function notify_policy();
