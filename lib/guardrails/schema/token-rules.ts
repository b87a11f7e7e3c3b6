import type { Rule } from '../schema.ts'
import { nobody, platform } from './rule-keepers.ts'

/** The rules of tokens, and of those who ask for them; part of the one table in schema.ts. */
export const tokenRules = {
  token_missing: {
    title: 'Only with a token',
    explanation: 'The request carries no bearer token.',
    remedy: 'Get one at the token endpoint that the challenge names.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  token_invalid: {
    title: 'Only tokens of this platform',
    explanation: 'The token is malformed, not signed by a key of this platform, or not signed the way it requires.',
    remedy: 'Get a new token at the token endpoint.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  token_expired: {
    title: 'Tokens are short-lived',
    explanation: 'The token has expired.',
    remedy: 'Get a new token at the token endpoint.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  token_not_yet_valid: {
    title: 'The token is not valid yet',
    explanation: 'The token becomes valid in the future.',
    remedy: 'Check the clock of whoever made it.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  token_wrong_issuer: {
    title: 'Only tokens of this platform',
    explanation: 'Another authorization server issued the token.',
    remedy: 'Get a token at the token endpoint that the challenge names.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  token_wrong_audience: {
    title: 'Only tokens made for the broker',
    explanation: 'The token was issued for another service.',
    remedy: 'Ask for a token with the resource that the challenge names.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  client_unknown: {
    title: 'Only registered agents get tokens',
    explanation: 'No credential of this client id exists, or it was revoked.',
    remedy: "Issue a new credential on the agent's page.",
    setBy: 'Platform',
    changedBy: nobody,
  },
  client_authentication_failed: {
    title: 'The credential is not right',
    explanation: 'The client secret or the signed assertion does not match the registered one.',
    remedy: "Check the secret or key, or issue a new credential on the agent's page.",
    setBy: 'Platform',
    changedBy: nobody,
  },
  assertion_replayed: {
    title: 'An assertion is used once',
    explanation: 'A client assertion with this id was used before.',
    remedy: 'Sign a new assertion with a new jti.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  resource_not_served: {
    title: 'Only tokens for the broker',
    explanation: 'The platform issues tokens for its own broker only.',
    remedy: 'Ask for the resource that the protected-resource metadata names.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  token_revoked: {
    title: 'The token was revoked',
    explanation: 'The token, the credential it was issued for, or the token it was exchanged from was revoked.',
    remedy: "Get a new token with a credential that is in force; the agent's page lists them.",
    setBy: 'Whoever revoked the credential or the token; the audit log says who',
    changedBy: nobody,
  },
  token_binding: {
    title: 'A bound token only with its key',
    explanation:
      'The token is bound to a key (DPoP) and was presented without the proof, or it is not bound and was presented as if it were.',
    remedy: 'Present a bound token with the scheme DPoP and a proof of its key, any other one with the scheme Bearer.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  dpop_proof_invalid: {
    title: 'Only with a fresh proof',
    explanation: 'The DPoP proof is missing, not of the right key, for another request, or too old.',
    remedy: 'Sign a new proof for every request, with method, address, time, and the hash of the token.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  dpop_proof_replayed: {
    title: 'A proof is used once',
    explanation: 'A DPoP proof of this key with this id was used before: whoever shows it again may have overheard it.',
    remedy: 'Sign a new proof with a new jti for every request; if nobody did this by mistake, revoke the credential.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  dpop_proof_unread: {
    title: 'Whether a proof is new cannot be read',
    explanation:
      'Which DPoP proofs were used before could not be read, or more came than can be remembered, so none counts now.',
    remedy: 'Try again shortly with a new proof; it recovers by itself.',
    setBy: 'Platform',
    changedBy: platform,
  },
  issuer_not_trusted: {
    title: 'Only assertions of trusted issuers',
    explanation: 'The issuer of the assertion is not configured, or not for this use.',
    remedy: 'Have the issuer added to WHEELHOUSE_TRUSTED_ISSUERS.',
    setBy: 'Platform',
    changedBy: platform,
  },
  issuer_unavailable: {
    title: "The issuer's keys cannot be read",
    explanation: 'The keys of a trusted issuer could not be read, so nothing it signed can be verified.',
    remedy: 'Try again shortly; the keys are read again by themselves.',
    setBy: 'Platform',
    changedBy: platform,
  },
  assertion_invalid: {
    title: 'The assertion is not right',
    explanation:
      'The assertion is not of the expected type, not signed by a key of its issuer, not for this platform, not valid now, or about another client.',
    remedy: 'Get a new assertion for this platform from the issuer.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  subject_not_mapped: {
    title: 'Only subjects that are given an agent',
    explanation: 'The assertion is good, but the configuration gives no agent to its subject and client.',
    remedy: 'Have the subject mapped to the agent in WHEELHOUSE_TRUSTED_ISSUERS.',
    setBy: 'Platform',
    changedBy: platform,
  },
  session_unknown: {
    title: 'Only sessions of registered runs',
    explanation: 'The session at the Claude server is not that of a run here, or its agent or version is another one.',
    remedy: 'Start the run through the portal.',
    setBy: 'Platform',
    changedBy: nobody,
  },
} as const satisfies Record<string, Omit<Rule, 'id'>>
