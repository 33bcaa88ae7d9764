import Bytes
import NIOCore
import Replica
import ZooKeeperProtocol

/// Four letters in place of a first frame: an operator asks.
extension ZooKeeperConnection {
    /// How many bytes the word took; nil: it is a frame's length.
    func fourLetterWord(_ length: Int32, in span: RawSpan) -> Int? {
        let code = UInt32(bitPattern: length)
        if code == FourLetterWord.telnetClose {
            closeAfterReplies()
            return 4
        }
        guard let word = FourLetterWord(code: code) else { return nil }
        var taken = 4
        var mask: Int64 = 0
        if word == .stmk, loop.settings.fourLetterWords.contains(word) {
            guard span.byteCount >= 12 else { return 0 }
            var reader = SpanReader(span.extracting(4..<12))
            mask = (try? reader.integer(as: Int64.self)) ?? 0
            taken = 12
        }
        ask(word, mask)
        return taken
    }

    private func ask(_ word: FourLetterWord, _ mask: Int64) {
        phase = .reporting
        loop.traffic.packetsReceived += 1
        history.received += 1
        guard loop.settings.fourLetterWords.contains(word) else { return tell(word.refusal) }
        let isShared = word.needsAllLoops
        guard isShared else { return tell(ownText(word, mask)) }
        guard port.status.whyUnserving == nil else { return tell(FourLetterWord.notServing) }
        let future = frontEnd.snapshots(word.scope, resets: word.resets, on: loop.eventLoop)
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        future.assumeIsolated().whenComplete { result in
            guard case .success(let snapshots) = result else { return bound.value.close() }
            bound.value.tell(snapshots, for: word)
        }
    }

    private func tell(_ snapshots: [LoopSnapshot], for word: FourLetterWord) {
        guard phase == .reporting, let text = sharedText(word, snapshots) else { return close() }
        tell(text)
        sendOut()
    }

    private func tell(_ text: String) {
        prepareOut()
        out.text(text)
        loop.traffic.packetsSent += 1
        closeAfterReplies()
    }

    /// Words that need no other loop.
    private func ownText(_ word: FourLetterWord, _ mask: Int64) -> String {
        let settings = loop.settings
        switch word {
        case .ruok: return "imok"
        case .isro: return "rw"
        case .envi: return settings.process.environmentText
        case .dirs: return settings.usage().directoriesText
        case .gtmk: return "\(frontEnd.traceMask)"
        case .stmk:
            frontEnd.traceMask = mask
            return "\(mask)"
        default:
            let port = context?.channel.localAddress?.port ?? 0
            return ConfigurationReport(settings, clientPort: port).text
        }
    }
}

extension FourLetterWord {
    fileprivate var needsAllLoops: Bool {
        switch self {
        case .ruok, .isro, .envi, .dirs, .gtmk, .stmk, .conf: false
        default: true
        }
    }

    fileprivate var scope: LoopSnapshot.Scope {
        switch self {
        case .stat, .cons, .dump: .connections
        case .wchc, .wchp, .wchs, .mntr: .watches
        default: []
        }
    }

    fileprivate var resets: ZooKeeperFrontEnd.Reset? {
        switch self {
        case .crst: .connections
        case .srst: .server
        default: nil
        }
    }
}

extension ConfigurationReport {
    fileprivate init(_ settings: ZooKeeperSettings, clientPort: Int) {
        self.init(
            clientPort: clientPort,
            process: settings.process,
            usage: settings.usage(),
            tickMilliseconds: settings.tickMilliseconds,
            connectionsPerAddressMax: settings.limits.connectionsPerAddressMax,
            minSessionTimeoutMilliseconds: settings.minSessionTimeoutMilliseconds,
            maxSessionTimeoutMilliseconds: settings.maxSessionTimeoutMilliseconds,
            serverID: settings.serverID
        )
    }
}
