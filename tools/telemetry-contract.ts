/** `node tools/telemetry-contract.ts`: writes the code, the page and the schema that are made from the telemetry contract. */
import { readFileSync, writeFileSync } from 'node:fs'
import { contractCode } from './lib/telemetry-code.ts'
import { readContract } from './lib/telemetry-contract.ts'
import { contractPage } from './lib/telemetry-page.ts'
import { schemaText } from './lib/telemetry-schema.ts'

const at = (path: string): URL => new URL(`../${path}`, import.meta.url)
const contract = readContract(readFileSync(at('packages/runtime/src/observability/contract.v1.json'), 'utf8'))
writeFileSync(at('packages/runtime/src/observability/contract.generated.ts'), contractCode(contract))
writeFileSync(at('docs/reference/telemetry.md'), contractPage(contract))
writeFileSync(at('docs/reference/telemetry.schema.json'), schemaText(contract))
