export { type AgentDef, agent } from './agent.ts'
