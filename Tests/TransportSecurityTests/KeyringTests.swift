import Crypto
import Foundation
import Logging
import NIOCore
import NIOEmbedded
import NIOSSL
import SwiftASN1
import Synchronization
import Testing
import X509

@testable import TransportSecurity

/// Files of an authority and a node, made anew for each test.
struct Papers {
    let folder: URL
    let authority: Certificate.PrivateKey
    let subject: DistinguishedName

    init() throws {
        folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("keyring-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        authority = Certificate.PrivateKey(P256.Signing.PrivateKey())
        subject = try DistinguishedName { CommonName("authority") }
        let root = try certificate(subject, authority.publicKey, isAuthority: true, days: 9)
        try write("ca.pem", root.serializeAsPEM().pemString)
        try issue()
    }

    var files: CredentialFiles {
        CredentialFiles(
            certificate: path("node.pem"),
            key: path("node.key"),
            authority: path("ca.pem")
        )
    }

    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    func write(_ name: String, _ text: String) throws {
        try text.write(toFile: path(name), atomically: true, encoding: .utf8)
    }

    func remove() throws { try FileManager.default.removeItem(at: folder) }

    /// - Parameter age: since when it is valid, in seconds before now.
    func issue(days: Double = 3, age: Double = 8 * 86_400) throws {
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let name = try DistinguishedName { CommonName("n1") }
        let made = try certificate(name, key.publicKey, isAuthority: false, days: days, age: age)
        try write("node.key", key.serializeAsPEM().pemString)
        try write("node.pem", made.serializeAsPEM().pemString)
    }

    private func certificate(
        _ name: DistinguishedName,
        _ key: Certificate.PublicKey,
        isAuthority: Bool,
        days: Double,
        age: Double = 8 * 86_400
    ) throws -> Certificate {
        try Certificate(
            version: .v3,
            serialNumber: Certificate.SerialNumber(),
            publicKey: key,
            notValidBefore: Date() - age,
            notValidAfter: Date() + days * 86_400,
            issuer: subject,
            subject: name,
            extensions: Certificate.Extensions {
                if isAuthority {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                    Critical(KeyUsage(keyCertSign: true))
                } else {
                    SubjectAlternativeNames([.dnsName("server.dc1.roost"), .dnsName("localhost")])
                }
            },
            issuerPrivateKey: authority
        )
    }
}

@Suite struct KeyringTests {
    private func open(
        _ papers: Papers,
        wallSeconds: @escaping @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }
    ) async throws -> Keyring {
        var logger = Logger(label: "keyring")
        logger.logLevel = .critical
        return try await Keyring.open(
            papers.files,
            role: ClusterRole(datacenter: "dc1"),
            wallSeconds: wallSeconds,
            logger: logger,
            onRead: { _ in }
        )
    }

    @Test func `new files are taken when two looks agree, or when somebody asks`() async throws {
        let papers = try Papers()
        let keyring = try await open(papers)
        let first = keyring.credentials.digest
        try papers.issue()
        await keyring.refresh()
        #expect(keyring.credentials.digest == first, "half of a pair may have been there")
        await keyring.refresh()
        let second = keyring.credentials.digest
        #expect(second != first)
        try papers.issue()
        await keyring.refresh(isAsked: true)
        #expect(keyring.credentials.digest != second)
        try papers.remove()
    }

    @Test(arguments: ["node.pem", "node.key", "ca.pem"])
    func `what is broken is refused, and a good one taken after it`(_ name: String) async throws {
        let papers = try Papers()
        let keyring = try await open(papers)
        let first = keyring.credentials.digest
        let good = try String(contentsOfFile: papers.path(name), encoding: .utf8)
        for text in ["", "no PEM", String(good.prefix(good.count / 2))] {
            try papers.write(name, text)
            await keyring.refresh(isAsked: true)
            #expect(keyring.credentials.digest == first)
        }
        try papers.write(name, good)
        if name != "ca.pem" { try papers.issue() }
        await keyring.refresh(isAsked: true)
        #expect((keyring.credentials.digest == first) == (name == "ca.pem"))
        try papers.remove()
    }

    @Test func `one that has expired does not replace one that has not`() async throws {
        let papers = try Papers()
        let keyring = try await open(papers)
        let first = keyring.credentials.digest
        try papers.issue(days: -1)
        await keyring.refresh(isAsked: true)
        #expect(keyring.credentials.digest == first)
        try papers.remove()
    }

    /// It was refused, and nothing but a change of its file had it looked at again.
    @Test func `one that is not valid yet is taken when it becomes valid`() async throws {
        let papers = try Papers()
        let start = Int64(Date().timeIntervalSince1970)
        let clock = Atomic(start - 7_200)
        let keyring = try await open(papers) { clock.load(ordering: .relaxed) }
        let first = keyring.credentials.digest
        try papers.issue(age: 3_600)
        for _ in 0..<3 { await keyring.refresh() }
        #expect(keyring.credentials.digest == first)
        clock.store(start - 3_602, ordering: .relaxed)
        await keyring.refresh()
        #expect(keyring.credentials.digest == first, "a second early")
        clock.store(start, ordering: .relaxed)
        await keyring.refresh()
        #expect(keyring.credentials.digest != first)
        try papers.remove()
    }
}

/// The gate on a channel without a socket.
@Suite struct HandshakeGateTests {
    private final class Sink: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        let read: Mutex<[UInt8]> = Mutex([])

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = Array(unwrapInboundIn(data).readableBytesView)
            read.withLock { $0 += bytes }
        }
    }

    private struct Bench {
        let papers: Papers
        let port: SecurePort
        let outcomes: Outcomes
        let channel = EmbeddedChannel()
        let sink = Sink()

        final class Outcomes: Sendable {
            let all: Mutex<[SecurePort.Outcome]> = Mutex([])
            var list: [SecurePort.Outcome] { all.withLock { $0 } }
        }

        init(_ plain: SecurePort.Plain) async throws {
            papers = try Papers()
            var logger = Logger(label: "gate")
            logger.logLevel = .critical
            let keyring = try await Keyring.open(
                papers.files,
                role: nil,
                wallSeconds: { 0 },
                logger: logger,
                onRead: { _ in }
            )
            let outcomes = Outcomes()
            self.outcomes = outcomes
            port = SecurePort("a port", keyring, clients: .anybody, plain: plain, logger: logger) {
                outcome in outcomes.all.withLock { $0.append(outcome) }
            }
            let sink = self.sink
            try port.watch(channel) { channel, _ in
                try channel.pipeline.syncOperations.addHandler(sink)
            }
            channel.connect(to: try SocketAddress(ipAddress: "10.0.0.1", port: 1), promise: nil)
        }
    }

    @Test func `the first bytes of a plain client are not lost where he is let in`() async throws {
        let bench = try await Bench(.admitted)
        #expect(bench.port.pendingCount == 1)
        try bench.channel.writeInbound(ByteBuffer(bytes: [0, 1, 2]))
        try bench.channel.writeInbound(ByteBuffer(bytes: [3]))
        #expect(bench.sink.read.withLock { $0 } == [0, 1, 2, 3])
        #expect(bench.outcomes.list == [.plain] && bench.port.pendingCount == 0)
        try bench.papers.remove()
    }

    @Test func `he is told and sent away where he is not`() async throws {
        let bench = try await Bench(.refused(answer: "no"))
        try bench.channel.writeInbound(ByteBuffer(string: "GET / HTTP/1.1\r\n"))
        let answer = try bench.channel.readOutbound(as: ByteBuffer.self)
        #expect(answer == ByteBuffer(string: "no"))
        #expect(!bench.channel.isActive && bench.sink.read.withLock { $0.isEmpty })
        #expect(bench.outcomes.list == [.plain] && bench.port.pendingCount == 0)
        try bench.papers.remove()
    }

    @Test func `a handshake that does not end is ended, and leaves nothing`() async throws {
        let bench = try await Bench(.refused(answer: ""))
        try bench.channel.writeInbound(ByteBuffer(bytes: [22, 3, 1, 2, 0]))
        bench.channel.embeddedEventLoop.advanceTime(by: .milliseconds(4_999))
        #expect(bench.channel.isActive && bench.port.pendingCount == 1)
        bench.channel.embeddedEventLoop.advanceTime(by: .milliseconds(2))
        #expect(!bench.channel.isActive && bench.port.pendingCount == 0)
        #expect(bench.outcomes.list == [.late])
        try bench.papers.remove()
    }

    @Test func `a handshake lets the client in, and his bytes pass`() async throws {
        let bench = try await Bench(.refused(answer: ""))
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .file(bench.papers.path("ca.pem"))
        let client = EmbeddedChannel()
        let context = try NIOSSLContext(configuration: configuration)
        try client.pipeline.syncOperations.addHandler(
            NIOSSLClientHandler(context: context, serverHostname: "localhost")
        )
        client.connect(to: try SocketAddress(ipAddress: "10.0.0.2", port: 2), promise: nil)
        client.writeAndFlush(ByteBuffer(string: "hello"), promise: nil)
        try exchange(client, bench.channel)
        #expect(bench.sink.read.withLock { $0 } == Array("hello".utf8))
        #expect(bench.outcomes.list == [.secured] && bench.port.pendingCount == 0)
        try bench.papers.remove()
    }

    private func exchange(_ client: EmbeddedChannel, _ server: EmbeddedChannel) throws {
        for _ in 0..<8 {
            while let bytes = try client.readOutbound(as: ByteBuffer.self) {
                try server.writeInbound(bytes)
            }
            while let bytes = try server.readOutbound(as: ByteBuffer.self) {
                try client.writeInbound(bytes)
            }
        }
    }
}
