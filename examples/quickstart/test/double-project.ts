/** The example with a shop that books every request twice. */
import { smallProject } from './drill-project.ts'

export default smallProject(2)
