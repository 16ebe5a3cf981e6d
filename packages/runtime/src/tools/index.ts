export { createOutlet, mediatedFetch, type Outlet } from './outlet.ts'
export { ToolFailure, tool } from './tool.ts'
