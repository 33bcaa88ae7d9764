/// What the process takes at the moment, of disk and of descriptors.
package struct ProcessUsage: Equatable, Sendable {
    package var dataBytes: UInt64 = 0
    package var logBytes: UInt64 = 0
    package var openFiles = 0
    package var maxFiles = 0

    package init() {}

    /// `dirs`.
    package var directoriesText: String {
        "datadir_size: \(dataBytes)\nlogdir_size: \(logBytes)\n"
    }
}

/// What `conf` and `envi` print about the process; it does not change while it runs.
package struct ProcessFacts: Equatable, Sendable {
    package var dataDirectory = ""
    package var logDirectory = ""
    package var hostName = ""
    package var osName = "Linux"
    package var osArchitecture = ""
    package var osVersion = ""
    package var userName = ""
    package var userHome = ""
    package var workingDirectory = ""

    package init() {}

    /// `envi`. The keys of the Java machine are left out: there is none. Clients look for
    /// `zookeeper.version`.
    package var environmentText: String {
        let pairs = [
            ("zookeeper.version", ServerVersion.text), ("host.name", hostName),
            ("os.name", osName), ("os.arch", osArchitecture), ("os.version", osVersion),
            ("user.name", userName), ("user.home", userHome), ("user.dir", workingDirectory),
        ]
        return "Environment:\n" + pairs.map { "\($0.0)=\($0.1)\n" }.joined()
    }
}

/// `conf`.
package struct ConfigurationReport: Equatable, Sendable {
    /// The port that the asking client came to.
    package var clientPort: Int
    package var process: ProcessFacts
    package var usage: ProcessUsage
    package var tickMilliseconds: Int
    package var connectionsPerAddressMax: Int
    package var minSessionTimeoutMilliseconds: Int32
    package var maxSessionTimeoutMilliseconds: Int32
    package var serverID: UInt8

    package init(
        clientPort: Int,
        process: ProcessFacts,
        usage: ProcessUsage,
        tickMilliseconds: Int,
        connectionsPerAddressMax: Int,
        minSessionTimeoutMilliseconds: Int32,
        maxSessionTimeoutMilliseconds: Int32,
        serverID: UInt8
    ) {
        self.clientPort = clientPort
        self.process = process
        self.usage = usage
        self.tickMilliseconds = tickMilliseconds
        self.connectionsPerAddressMax = connectionsPerAddressMax
        self.minSessionTimeoutMilliseconds = minSessionTimeoutMilliseconds
        self.maxSessionTimeoutMilliseconds = maxSessionTimeoutMilliseconds
        self.serverID = serverID
    }

    package var text: String {
        """
        clientPort=\(clientPort)
        secureClientPort=-1
        dataDir=\(process.dataDirectory)
        dataDirSize=\(usage.dataBytes)
        dataLogDir=\(process.logDirectory)
        dataLogSize=\(usage.logBytes)
        tickTime=\(tickMilliseconds)
        maxClientCnxns=\(connectionsPerAddressMax)
        minSessionTimeout=\(minSessionTimeoutMilliseconds)
        maxSessionTimeout=\(maxSessionTimeoutMilliseconds)
        clientPortListenBacklog=-1
        serverId=\(serverID)

        """
    }
}
