/// Who may do what over HTTP, as far as an operator chooses it; `acl` in Consul's configuration.
package struct TokenSettings: Sendable {
    /// `acl.enabled`. Without it every client may do everything.
    package var isEnabled = false
    /// `acl.default_policy`: whether a client may do what no policy of its token speaks of. With
    /// one policy, that is everything for whoever has not that one.
    package var allowsByDefault = true
    /// `acl.tokens.initial_management`: the secret of a management token that the cluster has from
    /// its start; "": none.
    package var initialManagement = ""
    /// `acl.tokens.default`: the secret for clients that show none; "": they are anonymous.
    package var fallback = ""
    /// The index that somebody with access to this node's files has written there, so that one
    /// more bootstrap is allowed; 0: none.
    package var bootstrapReset: @Sendable () -> UInt64 = { 0 }

    package init() {}
}
