export { type AgentDef, agent } from './agent.ts'
export { createModels, type ModelsOptions, type ProviderOptions } from './models.ts'
export { type PriceTable, readPrices } from './prices.ts'
export type { Script, ScriptedAnswer, ScriptedCall } from './scripted.ts'
