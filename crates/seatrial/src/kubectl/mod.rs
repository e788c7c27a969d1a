//! What kubectl does on the client's side: tables, describe pages, rollout verbs.
