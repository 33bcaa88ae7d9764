import Bytes
import Commands
import ConsulProtocol
import Replica
import StateMachine

/// Who a client is, as far as it decides what it may do.
enum Authority: Equatable {
    /// May do everything; the token's accessor.
    case management(ByteString)
    /// Nobody in particular, or a token without a policy: the default decides. The token's
    /// accessor; nil: not even the anonymous one is there yet.
    case ordinary(ByteString?)
    /// The token is not there.
    case unknown

    var isManagement: Bool {
        if case .management = self { true } else { false }
    }

    var isOrdinary: Bool {
        if case .ordinary = self { true } else { false }
    }

    /// Of the token that was shown.
    var accessor: ByteString? {
        switch self {
        case .management(let accessor): accessor
        case .ordinary(let accessor): accessor
        case .unknown: nil
        }
    }

    /// As of the open snapshot.
    init(of request: Request, on loop: ConsulLoop) throws(StateError) {
        let secret = request.secret(loop.settings.tokens)
        let token = try loop.port.read { view throws(StateError) in
            secret.bytes.isEmpty
                ? try view.token(accessor: TokenDefinition.anonymous)
                : try view.token(secret: secret)
        }
        switch token {
        case .some(let token) where token.isManagement:
            self = .management(token.definition.accessor)
        case .some(let token): self = .ordinary(token.definition.accessor)
        case nil: self = secret.bytes.isEmpty ? .ordinary(nil) : .unknown
        }
    }
}

extension Request {
    /// What the client shows, or what is shown for it; "": nothing.
    func secret(_ settings: TokenSettings) -> ByteString {
        let named = parameters.isEmpty ? "" : parameters.first("token")
        let shown = named.isEmpty ? headerToken : named
        return ByteString(shown.isEmpty ? settings.fallback : shown)
    }
}
