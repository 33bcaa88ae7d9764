import Bytes
import Commands
import ConsulProtocol
import Logging
import Replica
import StateMachine

/// /v1/roost/znodes: a page of a subtree, for a person's look at it. It shows what a ZooKeeper
/// client without credentials can see: every znode's stat, and the children of those that
/// everybody may read.
enum ZnodeHandler {
    static func answer(_ request: Request, _ loop: ConsulLoop) -> Answer {
        let page: Page
        do throws(DecodeError) {
            page = try Page(request.parameters, loop.limits)
        } catch {
            return .text(400, error.text)
        }
        do throws(StateError) {
            return try loop.port.read { view throws(StateError) in try answer(page, in: view) }
        } catch {
            loop.logger.error("the state cannot be read", metadata: ["error": "\(error)"])
            return .text(500, "the state cannot be read: \(error)")
        }
    }

    /// What is asked for.
    private struct Page {
        var walk: ZnodeWalk
        /// The last path of the page before; nil: this is the first page.
        var after: [UInt8]?
        var countMax: Int

        init(_ parameters: QueryParameters, _ limits: ConsulLimits) throws(DecodeError) {
            let root = parameters.has("path") ? Array(parameters.first("path").utf8) : [0x2f]
            guard root.first == 0x2f, root.count == 1 || root.last != 0x2f else {
                throw DecodeError("?path= must begin with a slash and not end with one")
            }
            let depth = try Self.number(parameters, "depth", most: limits.treeDepthMax)
            walk = ZnodeWalk(root: root, depthMax: depth)
            countMax = max(1, try Self.number(parameters, "limit", most: limits.treeNodesMax))
            guard parameters.has("after") else { return }
            let after = Array(parameters.first("after").utf8)
            guard !after.isEmpty, walk.contains(after) else {
                throw DecodeError("?after= must be a path of the tree that is asked for")
            }
            self.after = after
        }

        private static func number(
            _ parameters: QueryParameters,
            _ name: String,
            most: Int
        ) throws(DecodeError) -> Int {
            guard parameters.has(name) else { return most }
            guard let number = Int(parameters.first(name)), number >= 0 else {
                throw DecodeError("?\(name)= must be a whole number")
            }
            return min(number, most)
        }
    }

    private static func answer(
        _ page: Page,
        in view: borrowing StateView
    ) throws(StateError) -> Answer {
        var json = JSONWriter()
        json.beginObject()
        json.member("Index", try view.summary.appliedIndex)
        json.name("Nodes")
        json.beginArray()
        var last = page.after ?? page.walk.root
        var next: [UInt8]? = page.walk.root
        if page.after != nil { next = try step(page.walk, last, in: view) }
        var count = 0
        while let path = next, count < page.countMax {
            guard let isOpen = try write(path, in: view, &json) else {
                return .text(404, "there is no znode \(String(decoding: path, as: UTF8.self))")
            }
            count += 1
            last = path
            next = try page.walk.next(after: path, descends: isOpen, in: view)
        }
        json.endArray()
        json.member("Next", ByteString(next == nil ? [] : last))
        json.endObject()
        return .json(json.bytes)
    }

    private static func step(
        _ walk: ZnodeWalk,
        _ path: [UInt8],
        in view: borrowing StateView
    ) throws(StateError) -> [UInt8]? {
        var descends = false
        if let znode = try view.znode(path.rawSpan) { descends = try isOpen(znode, in: view) }
        return try walk.next(after: path, descends: descends, in: view)
    }

    private static func isOpen(
        _ znode: borrowing ZnodeView,
        in view: borrowing StateView
    ) throws(StateError) -> Bool {
        try view.allows(.read, znode.acl, .none, .none)
    }

    /// Whether everybody may see its children; nil: there is no such znode.
    private static func write(
        _ path: [UInt8],
        in view: borrowing StateView,
        _ json: inout JSONWriter
    ) throws(StateError) -> Bool? {
        guard let znode = try view.znode(path.rawSpan) else { return nil }
        let isOpen = try isOpen(znode, in: view)
        let stat = znode.stat
        json.beginObject()
        json.member("Path", ByteString(path))
        json.member("DataBytes", Int(stat.dataLength))
        json.member("Children", Int(stat.childCount))
        json.member("Version", Int(stat.version))
        json.member("CreateIndex", stat.czxid)
        json.member("ModifyIndex", stat.mzxid)
        json.member("ModifiedMilliseconds", Int(stat.mtimeMilliseconds))
        let owner = UInt64(bitPattern: stat.ephemeralOwner)
        json.member("EphemeralOwner", ByteString(owner == 0 ? "" : String(owner, radix: 16)))
        json.member("Hidden", !isOpen)
        json.endObject()
        return isOpen
    }
}
