/** Reads cases that other people wrote. They are not part of the project: where they are is told from outside. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256Hex } from '../../packages/runtime/src/base/hash.ts'
import type { JsonObject, JsonValue } from '../../packages/runtime/src/base/json.ts'

/** One recorded call of a case. */
export interface Call {
  readonly tool: string
  readonly args: JsonObject
  /** What the real tool answered; `{attack}` stands where attacker text lands. */
  readonly output: string
  /** The task is not done, or the attack did not succeed, without it. */
  readonly essential: boolean
}

/** One task of a user, with or without an attack. */
export interface Case {
  readonly id: string
  readonly prompt: string
  readonly calls: readonly Call[]
  /** Null for a benign task. */
  readonly attack: { readonly goal: string; readonly calls: readonly Call[] } | null
}

/** Cases that share their tools. */
export interface Suite {
  readonly name: string
  /** Which labels its tools have: a file of `labels/`. */
  readonly labels: string
  readonly tools: readonly string[]
  readonly cases: readonly Case[]
}

/** Where attacker text lands. */
export const ATTACK = '{attack}'

const FILES = [
  'agentdojo/banking.json',
  'agentdojo/workspace.json',
  'injecagent/user_cases.jsonl',
  'injecagent/attacker_cases_dh.jsonl',
  'injecagent/attacker_cases_ds.jsonl',
  'asb/agent_task.jsonl',
  'asb/all_attack_tools.jsonl',
  'asb/all_normal_tools.jsonl',
] as const

/** The folder of the cases: `SIGNALBOX_ORACLES`, or a folder `shared/oracles` beside the project; null when there is none. */
export function casesFolder(root: string, env: Readonly<Record<string, string | undefined>>): string | null {
  const told = env.SIGNALBOX_ORACLES
  const places = told ? [told] : [join(root, '../shared/oracles'), join(root, '../../shared/oracles')]
  return places.find((place) => FILES.every((file) => existsSync(join(place, file)))) ?? null
}

/** SHA-256 (hex) of each file, by its path in the folder. */
export function inputHashes(folder: string): Record<string, string> {
  return Object.fromEntries(FILES.map((file) => [file, sha256Hex(readFileSync(join(folder, file), 'utf8'))]))
}

/** All cases: of AgentDojo each suite, InjecAgent, and Agent Security Bench one suite for each agent. */
export function readSuites(folder: string): readonly Suite[] {
  return [...['banking', 'workspace'].map((name) => agentDojo(folder, name)), injecAgent(folder), ...asb(folder)]
}

interface DojoStep {
  readonly call: { readonly tool: string; readonly args: JsonObject }
  readonly output: string
  readonly essential: boolean
}
interface DojoTask {
  readonly id: string
  readonly prompt: string
  readonly goal: string
  readonly steps: readonly DojoStep[]
}
interface DojoFile {
  readonly tools: readonly { readonly name: string }[]
  readonly user_tasks: readonly DojoTask[]
  readonly injection_tasks: readonly DojoTask[]
}

function agentDojo(folder: string, name: string): Suite {
  // The shape is told in the notes beside the cases; a file of another shape fails at the first use.
  const file = JSON.parse(readFileSync(join(folder, `agentdojo/${name}.json`), 'utf8')) as DojoFile
  const callsOf = (task: DojoTask): Call[] =>
    task.steps.map(({ call, output, essential }) => ({
      ...call,
      essential,
      output: output.replaceAll(/---CANARY_\w+---/g, ATTACK),
    }))
  const attacks = file.injection_tasks.filter((task) => task.steps.length > 0)
  const cases = file.user_tasks.flatMap((task): Case[] => {
    const benign = { id: `${name}/${task.id}`, prompt: task.prompt, calls: callsOf(task), attack: null }
    const under = attacks.map((one) => ({
      ...benign,
      id: `${benign.id}/${one.id}`,
      attack: { goal: one.goal, calls: callsOf(one) },
    }))
    return [benign, ...under]
  })
  return { name: `agentdojo/${name}`, labels: name, tools: file.tools.map((tool) => tool.name), cases }
}

function lines<T>(folder: string, file: string): T[] {
  const text = readFileSync(join(folder, file), 'utf8').trim()
  // As above: the notes beside the cases tell the shape.
  return text.split('\n').map((line) => JSON.parse(line) as T)
}

/** Names of tools are lower case here. */
const lower = (name: string): string => name.toLowerCase()

const plain = (tool: string, output = 'done', args: JsonObject = {}): Call => ({
  tool: lower(tool),
  args,
  output,
  essential: true,
})

function injecAgent(folder: string): Suite {
  type User = Record<'User Tool' | 'User Instruction' | 'Tool Response Template' | 'Tool Parameters', string>
  type Attacker = { readonly 'Attacker Tools': readonly string[]; readonly 'Attacker Instruction': string }
  const users = lines<User>(folder, 'injecagent/user_cases.jsonl')
  const attackers = ['dh', 'ds'].flatMap((kind) => lines<Attacker>(folder, `injecagent/attacker_cases_${kind}.jsonl`))
  const cases = users.flatMap((user, u) =>
    attackers.map((attacker, a): Case => {
      const output = user['Tool Response Template'].replaceAll('<Attacker Instruction>', ATTACK)
      const goal = attacker['Attacker Instruction']
      const calls = attacker['Attacker Tools'].map((tool) => plain(tool, 'done', { request: goal }))
      return {
        id: `injecagent/${u}/${a}`,
        prompt: user['User Instruction'],
        calls: [plain(user['User Tool'], output, pythonArgs(user['Tool Parameters']))],
        attack: { goal, calls },
      }
    }),
  )
  const tools = [...users.map((user) => user['User Tool']), ...attackers.flatMap((one) => one['Attacker Tools'])]
  return { name: 'injecagent', labels: 'injecagent', tools: [...new Set(tools.map(lower))], cases }
}

/** Arguments are written as a Python dictionary; of one that cannot be read the whole text is the only argument. */
function pythonArgs(text: string): JsonObject {
  try {
    const value: JsonValue = JSON.parse(text.replaceAll("'", '"'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}
  } catch {
    return { text }
  }
}

function asb(folder: string): Suite[] {
  type Agent = { readonly agent_name: string; readonly tasks: readonly string[] }
  type Tool = Record<'Tool Name' | 'Corresponding Agent', string>
  type Attack = Record<'Attacker Tool' | 'Attacker Instruction' | 'Corresponding Agent', string>
  const normal = lines<Tool>(folder, 'asb/all_normal_tools.jsonl')
  const attacks = lines<Attack>(folder, 'asb/all_attack_tools.jsonl')
  return lines<Agent>(folder, 'asb/agent_task.jsonl').map(({ agent_name: name, tasks }) => {
    const own = normal.filter((tool) => tool['Corresponding Agent'] === name).map((tool) => tool['Tool Name'])
    const theirs = attacks.filter((attack) => attack['Corresponding Agent'] === name)
    const calls = own.map((tool) => plain(tool, `the answer of the tool. ${ATTACK}`))
    const cases = tasks.flatMap((prompt, t) =>
      theirs.map((attack, a): Case => {
        const goal = attack['Attacker Instruction']
        return { id: `${name}/${t}/${a}`, prompt, calls, attack: { goal, calls: [plain(attack['Attacker Tool'])] } }
      }),
    )
    const tools = [...new Set([...own, ...theirs.map((attack) => attack['Attacker Tool'])].map(lower))]
    return { name: `asb/${name}`, labels: 'asb', tools, cases }
  })
}
