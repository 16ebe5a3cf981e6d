export { ToolFailure, tool } from './tool.ts'
