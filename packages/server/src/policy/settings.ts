/** How the policy of a project comes into force. */
export interface PolicySettings {
  /**
   * `folder`: a changed folder is activated at once, which only development does. `reviewed`: a second person activates
   * what an author proposed. Default: `folder` in development, `reviewed` in production.
   */
  readonly activation?: 'folder' | 'reviewed'
  /** People of this tenant change the policy, for all tenants. Default: `dev`. */
  readonly tenant?: string
  /**
   * The first bundle, activated at the first start: hash of the folder (`signalbox policy show`), and who answers for it.
   * Without it the first one is proposed and activated like every other, before the first start.
   */
  readonly first?: {
    readonly hash: string
    readonly author: string
    readonly reviewer: string
    readonly reason: string
  }
}
