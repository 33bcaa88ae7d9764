internal import Bytes

extension Command {
    /// Whether applying the payload can only make the state smaller, so that it is let through when
    /// the disk is nearly full.
    public static func freesRoom(_ payload: [UInt8]) -> Bool {
        guard let kind = CommandKind(of: payload.rawSpan) else { return false }
        switch kind {
        case .closeSession, .deleteZnode, .deleteContainer, .deleteKey, .deleteKeyTree,
            .deleteKeyIfUnchanged, .destroyConsulSession, .deregister, .reapTombstones,
            .deleteToken:
            return true
        case .multi, .transaction: return onlyDeletes(payload)
        case .createSession, .attachSession, .createZnode, .setData, .setACL, .checkVersion,
            .setKey, .setKeyIfUnchanged, .lockKey, .unlockKey, .createConsulSession, .register,
            .updateCheck, .admitMember, .dismissMember, .initializeTokens, .bootstrapTokens,
            .setToken:
            return false
        }
    }

    private static func onlyDeletes(_ payload: [UInt8]) -> Bool {
        guard let command = try? decode(payload.rawSpan).command else { return false }
        switch command {
        case .multi(let operations, _): return operations.allSatisfy(\.onlyDeletes)
        case .transaction(let command): return command.operations.allSatisfy(\.onlyDeletes)
        default: return false
        }
    }
}

extension MultiOperation {
    fileprivate var onlyDeletes: Bool {
        switch self {
        case .delete, .check: true
        case .create, .setData: false
        }
    }
}

extension TransactionOperation {
    fileprivate var onlyDeletes: Bool {
        switch self {
        case .key(let operation):
            switch operation.verb {
            case .set, .setIfUnchanged, .lock, .unlock: false
            case .get, .getOrEmpty, .getTree, .checkIndex, .checkSession, .checkNotExists,
                .delete, .deleteTree, .deleteIfUnchanged:
                true
            }
        case .node(let verb, _, _), .service(let verb, _, _, _), .check(let verb, _, _):
            verb != .set && verb != .setIfUnchanged
        }
    }
}
