import {
  type ContentRef,
  type Host,
  isoTime,
  loadAuditKey,
  type Mode,
  type Principal,
  type Redactor,
  SignalboxError,
  type SigningKey,
  signingKey,
  verifierKeyOf,
} from 'signalbox'
import { signedReport } from '../drill/report.ts'
import { headsDirOf } from '../heads/files.ts'
import { proveFromHeads } from '../heads/prove.ts'
import type { EnvValues } from '../project.ts'
import { VERSION } from '../version.ts'
import { writeArchive } from './archive.ts'
import { type CollectDeps, collect } from './collect.ts'
import { type OutgoingLine, outgoingContent, refsIn } from './contents.ts'
import { addDisclosure, type Disclosure, disclosureLogPath, readDisclosures } from './disclosures.ts'
import { digestOf, MANIFEST, type Manifest } from './manifest.ts'

/** Where the audit key, the tree heads and the log of what was handed out are. */
export interface EvidenceParts {
  readonly dataDir: string
  readonly env: EnvValues
  readonly mode: Mode
  readonly host: Host
  readonly redactor: Pick<Redactor, 'clean'>
}

/** Who wants what of a run. */
export interface EvidenceOrder {
  readonly runId: string
  readonly by: Principal
  readonly reason: string
  readonly content: boolean
}

/** A bundle of evidence as it is handed out. */
export interface MadeEvidence {
  readonly name: string
  readonly bytes: Uint8Array
  readonly sha256: string
  readonly manifest: Manifest
}

/** Hands out evidence and contents, each of them on record before it leaves. */
export interface EvidenceService {
  /** Throws RUN_NOT_FOUND, KEY_MISSING, and AUDIT_FAILED when the log of what was handed out is not sound. */
  make(deps: CollectDeps, order: EvidenceOrder): Promise<MadeEvidence>
  /** One content by the record and place that a reference of telemetry names. Throws NOT_FOUND, and as `make`. */
  content(
    deps: Pick<CollectDeps, 'runs'>,
    order: Omit<EvidenceOrder, 'content'> & { readonly seq: number; readonly index: number },
  ): Promise<OutgoingLine>
  /** What was handed out of a tenant, oldest first. */
  disclosures(tenant: string): readonly Disclosure[]
}

/** The service of a data folder. The audit key is loaded when something is signed: KEY_MISSING comes then. */
export function evidenceService(parts: EvidenceParts): EvidenceService {
  const { dataDir, env, mode, host } = parts
  const path = disclosureLogPath(dataDir, env)
  const key = (): SigningKey => signingKey(loadAuditKey({ dir: dataDir, env, mode, host }))
  return {
    make: async (deps, order) => {
      const signing = key()
      const made = await makeEvidence(deps, parts, order, signing)
      const { by, reason, content, runId } = order
      const note = { tenant: by.tenant, run_id: runId, what: 'evidence', content, by: by.id, reason } as const
      addDisclosure(path, { ...note, ref: null, sha256: made.sha256, atMs: host.now() }, signing)
      return made
    },
    content: async ({ runs }, { runId, by, reason, seq, index }) => {
      await runs.get(by.tenant, runId)
      const [record] = await runs.records(by.tenant, runId, { after: seq - 1, limit: 1 })
      const refs: readonly ContentRef[] = record?.seq === seq ? [...refsIn(record)] : []
      const ref = refs.find((each) => each.s === seq && each.i === index && each.r === undefined)
      if (!ref)
        throw new SignalboxError('NOT_FOUND', `record ${seq} of run \`${runId}\` has no content of its own ${index}`)
      const reader = await runs.contents(by.tenant, runId).catch(() => null)
      const line = await outgoingContent(ref, reader, parts.redactor)
      const note = { tenant: by.tenant, run_id: runId, what: 'content', content: true, by: by.id, reason } as const
      addDisclosure(path, { ...note, ref: { seq, index }, sha256: null, atMs: host.now() }, key())
      return line
    },
    disclosures: (tenant) => readDisclosures(path).entries.filter((entry) => entry.tenant === tenant),
  }
}

async function makeEvidence(
  deps: CollectDeps,
  { dataDir, env, host, redactor }: EvidenceParts,
  order: EvidenceOrder,
  signing: SigningKey,
): Promise<MadeEvidence> {
  const { files, row, leftOut } = await collect(deps, redactor, order)
  const proof = proofOf({ dir: headsDirOf(dataDir, env), key: verifierKeyOf(signing.publicKey) }, order.runId)
  if ('text' in proof) files.set('proof.json', new Uint8Array(Buffer.from(proof.text)))
  const manifest: Manifest = {
    ...{ kind: 'evidence', v: 1, made_at: isoTime(host.now()), made_by: order.by.id, reason: order.reason },
    ...{ server_version: VERSION, tenant: row.tenant, run_id: row.runId, run_status: row.status },
    ...{ records: row.seq, head: row.head },
    ...{ contents: order.content ? 'opened' : 'sealed', contents_left_out: leftOut },
    proof: 'text' in proof ? { tree_head: proof.head, seq: proof.seq } : null,
    no_proof: 'text' in proof ? null : proof.why,
    files: [...files].map(([name, bytes]) => ({ name, bytes: bytes.length, sha256: digestOf(bytes) })),
  }
  const signed = new Uint8Array(Buffer.from(signedReport(manifest, signing)))
  const bytes = writeArchive(new Map([[MANIFEST, signed], ...files]))
  return { name: `${row.runId}.evidence.tar`, bytes, sha256: digestOf(bytes), manifest }
}

type Proof = { readonly text: string; readonly head: number; readonly seq: number } | { readonly why: string }

/** A store that was tampered with is what evidence may be about: without a proof the bundle says why. */
function proofOf(place: Parameters<typeof proveFromHeads>[0], runId: string): Proof {
  try {
    const proof = proveFromHeads(place, runId)
    const head = Number(/^number (\d+)$/m.exec(proof.note)?.[1])
    return { text: `${JSON.stringify(proof, null, 2)}\n`, head, seq: proof.leaf.seq }
  } catch (thrown) {
    if (thrown instanceof SignalboxError && (thrown.code === 'NOT_FOUND' || thrown.code === 'AUDIT_FAILED'))
      return { why: thrown.message }
    throw thrown
  }
}
