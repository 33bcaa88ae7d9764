import Bytes
public import Commands

/// What the state's refusals are called by Consul.
public enum ErrorTexts {
    public static func text(_ error: ConsulError) -> String {
        switch error {
        case .invalidSession(let id):
            if let reason = UUIDText.lookupError(id.bytes) { return sessionLookup(reason) }
            return "invalid session \(quoted(id))"
        case .missingSession: return "missing session"
        case .missingNode: return "Missing node registration"
        case .missingService(_, let node):
            return "failed inserting check: Missing service registration on node \(quoted(node))"
        case .missingCheck(let id): return "Missing check '\(id)' registration"
        case .criticalCheck(let id): return "Check '\(id)' is in critical state"
        case .unknownCheck(let id):
            return "CheckID \(quoted(id)) does not have associated TTL"
        case .nodeNameReserved(let name, let id, let byID, let byName, let byAddress):
            return "failed inserting node: Error while renaming Node ID: \(quoted(id)): "
                + "Node name \(name) is reserved by node \(byID) with name \(byName) "
                + "(\(byAddress))"
        case .transaction(let error): return text(error)
        case .token(let error): return text(error)
        }
    }

    public static let denied = "Permission denied"
    public static let unknownToken = "ACL not found"

    public static func text(_ error: TokenError) -> String {
        switch error {
        case .bootstrapped(let index):
            "\(denied): ACL bootstrap no longer allowed (reset index: \(index))"
        case .otherBootstrap(let named, let index):
            "\(denied): Invalid bootstrap reset index \(named) (reset index: \(index))"
        case .accessorInUse: "Invalid Token: AccessorID is already in use"
        case .secretInUse: "Invalid Token: SecretID is already in use"
        case .secretChanged: "Changing a tokens SecretID is not permitted"
        case .localChanged(let accessor): "cannot toggle local mode of \(accessor)"
        case .missing(let accessor): "Cannot find token \(quoted(accessor))"
        case .tooMany(let max): "there are \(max) tokens, which is the most that there may be"
        }
    }

    public static func text(_ error: TransactionError) -> String {
        switch error {
        case .keyMissing(let key): "key \(quoted(key)) doesn't exist"
        case .keyExists(let key): "key \(quoted(key)) exists"
        case .setStale(let key): "failed to set key \(quoted(key)), index is stale"
        case .deleteStale(let key): "failed to delete key \(quoted(key)), index is stale"
        case .lockHeld(let key): "failed to lock key \(quoted(key)), lock is already held"
        case .lockDelayed(let key): "failed to lock key \(quoted(key)) due to lock delay"
        case .notHeld(let key):
            "failed to unlock key \(quoted(key)), lock isn't held, or is held by another session"
        case .indexMismatch(let key, let current, let wanted):
            "failed index check for key \(quoted(key)), "
                + "current modify index \(current) != \(wanted)"
        case .sessionMismatch(let key, let current, let wanted):
            "failed session check for key \(quoted(key)), current session \(quoted(current)) "
                + "!= \(quoted(wanted))"
        case .nodeMissing(let node): "node \(quoted(node)) doesn't exist"
        case .nodeStale(let node, let deleting):
            "failed to \(verb(deleting)) node \(quoted(node)), index is stale"
        case .serviceMissing(let node, let id):
            "service \(quoted(id)) on node \(quoted(node)) doesn't exist"
        case .serviceStale(let node, let id, let deleting):
            "failed to \(verb(deleting)) service \(quoted(id)) on node \(quoted(node)), "
                + "index is stale"
        case .checkMissing(let node, let id):
            "check \(quoted(id)) on node \(quoted(node)) doesn't exist"
        case .checkStale(let node, let id, let deleting):
            "failed to \(verb(deleting)) check \(quoted(id)) on node \(quoted(node)), "
                + "index is stale"
        }
    }

    /// The text of a failed operation of a transaction; the checks name themselves.
    public static func text(_ error: ConsulError, of operation: TransactionOperation?) -> String {
        if case .transaction(.keyMissing(let key)) = error, case .key(let tried) = operation {
            switch tried.verb {
            case .checkIndex: return "failed to check index, key \(quoted(key)) doesn't exist"
            case .checkSession: return "failed to check session, key \(quoted(key)) doesn't exist"
            default: break
            }
        }
        return text(error)
    }

    /// A session's identifier that is none; the reason comes from `UUIDText.lookupError`.
    public static func sessionLookup(_ reason: String) -> String {
        "failed session lookup: index error: \(reason)"
    }

    public static func bodyTooLarge(bytes: Int, max: Int, option: String) -> String {
        "Request body(\(bytes) bytes) too large, max size: \(max) bytes. "
            + "See https://www.consul.io/docs/agent/options.html#\(option)."
    }

    private static func verb(_ deleting: Bool) -> String { deleting ? "delete" : "set" }

    private static func quoted(_ text: ByteString) -> String { Strconv.quoted(text.text) }
}
