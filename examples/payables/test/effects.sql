-- Every effect without its decision, its approval where one is needed, its intent or its outcome, and everything in the
-- bank without its effect. The bank's file is attached as `bank`. No row: no gap.
WITH told AS (
  SELECT e.tool, e.scope, e.run_id, e.state, e.idempotency_key, e.effect_id, e.args_digest, r.rid, i.body AS intent, o.body AS outcome
  FROM effects AS e
  JOIN runs AS r ON r.tenant = e.tenant AND r.run_id = e.run_id
  LEFT JOIN records AS i ON i.rid = r.rid AND i.seq = e.intent_seq AND i.type = 'activity.intent'
  LEFT JOIN records AS o ON o.rid = r.rid AND o.seq = e.outcome_seq AND o.type = 'activity.outcome'
),
answers AS (
  SELECT rid, json_extract(body, '$.approval_id') AS approval_id
  FROM records
  WHERE type = 'approval.decided' AND json_extract(body, '$.answer') = 'approved'
    AND json_extract(body, '$.by.id') IS NOT NULL AND json_extract(body, '$.reason') IS NOT NULL
),
asked AS (
  SELECT rid, json_extract(body, '$.ask.key') AS ask_key, json_extract(body, '$.approval_id') AS approval_id
  FROM records
  WHERE type = 'approval.requested'
)
SELECT 'no intent' AS gap, tool, run_id FROM told WHERE intent IS NULL
UNION ALL
SELECT 'no outcome', tool, run_id FROM told
WHERE outcome IS NULL OR json_extract(outcome, '$.effect_id') <> effect_id
  OR (state = 'succeeded') <> (json_extract(outcome, '$.status') = 'succeeded')
  OR (state = 'succeeded' AND json_extract(outcome, '$.effect_hash') IS NULL)
UNION ALL
SELECT 'no decision', tool, run_id FROM told
WHERE intent IS NOT NULL AND (
  coalesce(json_extract(intent, '$.decision.verdict'), '') NOT IN ('allow', 'warn')
  OR coalesce(json_extract(intent, '$.decision.bundle'), '') = ''
)
UNION ALL
SELECT 'no approval', tool, run_id FROM told
WHERE intent IS NOT NULL
  AND EXISTS (
    SELECT 1 FROM asked WHERE asked.rid = told.rid AND asked.ask_key = json_extract(told.intent, '$.ask.key')
  )
  AND NOT EXISTS (
    SELECT 1 FROM asked JOIN answers USING (rid, approval_id)
    WHERE asked.rid = told.rid AND asked.ask_key = json_extract(told.intent, '$.ask.key')
      AND asked.approval_id = json_extract(told.intent, '$.approval_id')
  )
UNION ALL
SELECT 'outcome beside the ledger', json_extract(o.body, '$.name'), r.run_id
FROM records AS o JOIN runs AS r ON r.rid = o.rid
WHERE o.type = 'activity.outcome' AND json_extract(o.body, '$.effect') <> 'none'
  AND json_extract(o.body, '$.status') = 'succeeded' AND json_extract(o.body, '$.ledger') IS NULL
  AND NOT EXISTS (SELECT 1 FROM effects AS e WHERE e.run_id = r.run_id AND e.outcome_seq = o.seq)
UNION ALL
SELECT 'booked without effect', 'payments', coalesce(b.run_id, '') FROM bank.bookings AS b
WHERE (
  SELECT count(*) FROM told AS e
  WHERE e.run_id = b.run_id AND e.state = 'succeeded' AND e.tool LIKE 'payments.pay%' AND e.scope <> 'undo'
    AND (b.idempotency_key IS NULL OR b.idempotency_key = e.idempotency_key)
) <> 1
UNION ALL
SELECT 'large booking without approval', 'payments', b.run_id FROM bank.bookings AS b
WHERE b.amount_minor > 100000 AND NOT EXISTS (
  SELECT 1 FROM told AS e JOIN answers AS a
    ON a.rid = e.rid AND a.approval_id = json_extract(e.intent, '$.approval_id')
  WHERE e.run_id = b.run_id AND e.tool LIKE 'payments.pay%' AND e.scope <> 'undo'
)
UNION ALL
SELECT 'effect without booking', e.tool, e.run_id FROM told AS e
WHERE e.state = 'succeeded' AND e.tool LIKE 'payments.pay%' AND e.scope <> 'undo'
  AND (SELECT count(*) FROM bank.bookings AS b WHERE b.run_id = e.run_id) <> 1
UNION ALL
SELECT 'recalled without effect', 'payments.recall', coalesce(b.run_id, '') FROM bank.recalls AS b
WHERE (
  SELECT count(*) FROM told AS e
  WHERE e.run_id = b.run_id AND e.state = 'succeeded' AND e.tool = 'payments.recall'
    AND b.idempotency_key = e.idempotency_key
) <> 1
UNION ALL
SELECT 'mail without effect', 'mail.send', coalesce(n.run_id, '') FROM bank.notifications AS n
WHERE NOT EXISTS (
  SELECT 1 FROM told AS e WHERE e.idempotency_key = n.idempotency_key AND e.state = 'succeeded' AND e.tool = 'mail.send'
)
