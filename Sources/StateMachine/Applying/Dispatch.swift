internal import Bytes
internal import Commands

extension Batch {
    /// Reads the header and hands the body to its rule.
    mutating func dispatch(_ payload: RawSpan) throws(StateError) -> Outcome {
        var reader = SpanReader(payload)
        let kind: CommandKind
        do throws(CommandError) {
            (entry.header, kind) = try CommandHeader.decode(&reader)
        } catch {
            throw .undecodable(index: entry.index, error)
        }
        if let verb = KeyVerb(kind) {
            return .consul(try keyWrite(verb, try decodedKey(&reader)))
        }
        // What follows an operation in the payload are the client's identities.
        switch kind {
        case .setData:
            return .znode(try setData(try decodedSetData(&reader), reader.rest()))
        case .createZnode:
            return .znode(try create(try decodedCreate(&reader), reader.rest()))
        case .deleteZnode:
            return .znode(try delete(try decodedVersionedPath(&reader), reader.rest()))
        case .setACL:
            return .znode(try setACL(try decodedSetACL(&reader), reader.rest()))
        case .checkVersion:
            return .znode(try check(try decodedVersionedPath(&reader), reader.rest()))
        case .multi: return .znode(try multi(&reader))
        default: return try rare(kind, &reader)
        }
    }

    func undecodable(_ error: BytesError) -> StateError {
        .undecodable(index: entry.index, .malformed(error))
    }

    /// Commands that come seldom, decoded whole.
    @_lifetime(reader: copy reader)
    private mutating func rare(
        _ kind: CommandKind,
        _ reader: inout SpanReader
    ) throws(StateError) -> Outcome {
        let command: Command
        do throws(CommandError) {
            command = try Command(kind, fillingRest: &reader)
        } catch {
            throw .undecodable(index: entry.index, error)
        }
        switch command {
        case .createSession(let command): return .znode(try createSession(command))
        case .attachSession(let command): return .znode(try attachSession(command))
        case .closeSession(let command): return .znode(try closeSession(command))
        case .deleteContainer(let path): return .znode(try deleteContainer(path))
        case .transaction(let command): return .consul(try apply(command))
        case .createConsulSession(let command): return .consul(try apply(command))
        case .destroyConsulSession(let command): return .consul(try apply(command))
        case .register(let command): return .consul(try apply(command))
        case .deregister(let command): return .consul(try apply(command))
        case .updateCheck(let command): return .consul(try apply(command))
        case .reapTombstones(let command): return .consul(try apply(command))
        case .initializeTokens(let command): return .consul(try apply(command))
        case .bootstrapTokens(let command): return .consul(try apply(command))
        case .setToken(let command): return .consul(try apply(command))
        case .deleteToken(let command): return .consul(try apply(command))
        case .admitMember(let command): return .member(try apply(command))
        case .dismissMember(let command): return .member(try apply(command))
        case .createZnode, .deleteZnode, .setData, .setACL, .checkVersion, .multi, .key:
            preconditionFailure("\(kind) is dispatched before")
        }
    }
}

// MARK: - Bodies that are read in place

extension Batch {
    @_lifetime(copy reader)
    @_lifetime(reader: copy reader)
    func decodedCreate(_ reader: inout SpanReader) throws(StateError) -> CreateView {
        do throws(BytesError) {
            return try CreateView(&reader)
        } catch {
            throw undecodable(error)
        }
    }

    @_lifetime(copy reader)
    @_lifetime(reader: copy reader)
    func decodedVersionedPath(_ reader: inout SpanReader) throws(StateError) -> VersionedPathView {
        do throws(BytesError) {
            return try VersionedPathView(&reader)
        } catch {
            throw undecodable(error)
        }
    }

    @_lifetime(copy reader)
    @_lifetime(reader: copy reader)
    func decodedSetData(_ reader: inout SpanReader) throws(StateError) -> SetDataView {
        do throws(BytesError) {
            return try SetDataView(&reader)
        } catch {
            throw undecodable(error)
        }
    }

    @_lifetime(copy reader)
    @_lifetime(reader: copy reader)
    private func decodedSetACL(_ reader: inout SpanReader) throws(StateError) -> SetACLView {
        do throws(BytesError) {
            return try SetACLView(&reader)
        } catch {
            throw undecodable(error)
        }
    }

    @_lifetime(copy reader)
    @_lifetime(reader: copy reader)
    private func decodedKey(_ reader: inout SpanReader) throws(StateError) -> KeyView {
        do throws(BytesError) {
            return try KeyView(&reader)
        } catch {
            throw undecodable(error)
        }
    }
}
