import { SignalboxError } from 'signalbox'
import { requirePermission } from '../auth.ts'
import type { EvidenceService } from '../evidence/service.ts'
import type { ApiDeps, Handlers } from './handlers.ts'

type Names = 'exportEvidence' | 'readContent' | 'disclosures'

/** Endpoints that hand something out. The tenant is that of the credential (Invariant 16). */
export function evidenceHandlers(deps: ApiDeps): Pick<Handlers, Names> {
  return {
    exportEvidence: async ({ params, body }, who) => {
      if (body.content) requirePermission(who, 'evidence.content')
      const order = { runId: params.id, by: who, reason: body.reason, content: body.content }
      const { name, bytes, sha256, manifest } = await serviceOf(deps).make(deps, order)
      return {
        ...{ run_id: params.id, file: name, sha256, records: manifest.records },
        ...{ contents: manifest.contents, contents_left_out: manifest.contents_left_out },
        tree_head: manifest.proof?.tree_head ?? null,
        no_proof: manifest.no_proof,
        archive: Buffer.from(bytes).toString('base64'),
      }
    },
    readContent: async ({ params, body }, who) => {
      const { seq, index, reason } = body
      const { value, left_out } = await serviceOf(deps).content(deps, { runId: params.id, by: who, seq, index, reason })
      return { run_id: params.id, seq, index, value, left_out }
    },
    disclosures: async ({ query }, { tenant }) => ({
      disclosures: serviceOf(deps)
        .disclosures(tenant)
        .filter((each) => query.run === undefined || each.run_id === query.run)
        .map(({ number, at, run_id, what, content, ref, by, reason, sha256 }) => ({
          ...{ number, at, run_id, what, content, ref, by, reason, sha256 },
        })),
    }),
  }
}

function serviceOf({ evidence }: ApiDeps): EvidenceService {
  if (evidence) return evidence
  throw new SignalboxError('CONFIG_INVALID', 'this server was started without a place for evidence: give it `evidence`')
}
