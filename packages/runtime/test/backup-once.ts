/** A process that makes one backup and writes `done` or the error's code: `node backup-once.ts <path> <target>`. */
import { toSignalboxError } from '../src/base/errors.ts'
import { backupSqlite } from '../src/upkeep.ts'

const [path = '', target = ''] = process.argv.slice(2)
try {
  await backupSqlite(path, target)
  console.log('done')
} catch (thrown) {
  console.log(toSignalboxError(thrown).code)
}
