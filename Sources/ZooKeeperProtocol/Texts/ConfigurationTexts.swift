/// What `conf`, `envi` and `dirs` print about the process and its settings.
package struct ProcessFacts: Equatable, Sendable {
    package var clientPort = 2181
    package var dataDirectory = ""
    package var logDirectory = ""
    package var dataBytes: UInt64 = 0
    package var logBytes: UInt64 = 0
    package var hostName = ""
    package var osName = "Linux"
    package var osArchitecture = ""
    package var osVersion = ""
    package var userName = ""
    package var userHome = ""
    package var workingDirectory = ""

    package init() {}

    /// `dirs`.
    package var directoriesText: String {
        "datadir_size: \(dataBytes)\nlogdir_size: \(logBytes)\n"
    }

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
    package var process: ProcessFacts
    package var tickMilliseconds: Int
    package var connectionsPerAddressMax: Int
    package var minSessionTimeoutMilliseconds: Int32
    package var maxSessionTimeoutMilliseconds: Int32
    package var serverID: UInt8

    package init(
        process: ProcessFacts,
        tickMilliseconds: Int,
        connectionsPerAddressMax: Int,
        minSessionTimeoutMilliseconds: Int32,
        maxSessionTimeoutMilliseconds: Int32,
        serverID: UInt8
    ) {
        self.process = process
        self.tickMilliseconds = tickMilliseconds
        self.connectionsPerAddressMax = connectionsPerAddressMax
        self.minSessionTimeoutMilliseconds = minSessionTimeoutMilliseconds
        self.maxSessionTimeoutMilliseconds = maxSessionTimeoutMilliseconds
        self.serverID = serverID
    }

    package var text: String {
        """
        clientPort=\(process.clientPort)
        secureClientPort=-1
        dataDir=\(process.dataDirectory)
        dataDirSize=\(process.dataBytes)
        dataLogDir=\(process.logDirectory)
        dataLogSize=\(process.logBytes)
        tickTime=\(tickMilliseconds)
        maxClientCnxns=\(connectionsPerAddressMax)
        minSessionTimeout=\(minSessionTimeoutMilliseconds)
        maxSessionTimeout=\(maxSessionTimeoutMilliseconds)
        clientPortListenBacklog=-1
        serverId=\(serverID)

        """
    }
}
