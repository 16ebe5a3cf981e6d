/** Adds entries to a log of what was handed out: data folder, name of the writer, how many. It begins when it is told to. */
import { loadAuditKey, signingKey, systemHost } from 'signalbox'
import { addDisclosure, disclosureLogPath } from '../src/evidence/disclosures.ts'

const [dataDir = '', name = '', count = '0'] = process.argv.slice(2)
const key = signingKey(loadAuditKey({ dir: dataDir, env: {}, mode: 'development', host: systemHost }))
const note = { tenant: 'dev', what: 'content', content: true, ref: null, by: name, reason: 'r', sha256: null } as const
process.stdout.write('ready\n')
process.stdin.once('data', () => {
  for (let each = 0; each < Number(count); each += 1)
    addDisclosure(disclosureLogPath(dataDir, {}), { ...note, run_id: `run_${each}`, atMs: systemHost.now() }, key)
  process.stdin.destroy()
})
