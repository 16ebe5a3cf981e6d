// Says plainly when this Node is too old. Plain JavaScript, so that every old Node can run it as far as the sentence.
const LEAST = [22, 18]

/** Undefined when `version` (like `24.21.0`) will do, else the sentence that says what is wrong and how to mend it. */
export function tooOld(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1])) return undefined
  return [
    `signalbox needs Node ${LEAST.join('.')} or newer, and this is ${version}.`,
    'On Linux x64, `npm install` (with optional packages) puts a newer Node into node_modules/.bin, which npm scripts use.',
    'Elsewhere install Node 24 from https://nodejs.org and run the command again.',
  ].join('\n')
}

if (process.argv[1] && import.meta.url === new URL(`file://${process.argv[1]}`).href) {
  const problem = tooOld(process.versions.node)
  if (problem) {
    console.error(problem)
    process.exitCode = 1
  }
}
