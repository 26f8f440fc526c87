/// One command of those that open a connection: `AUTH`, `SELECT`, `CLIENT SETNAME`, `INFO server`, `PING`.
struct HandshakeStep {
    let command: RedisCommand
    /// Whether an error reply means that the connection is of no use.
    var isRequired = true
    /// Whether the reply holds `run_id`.
    var tellsRunID = false

    static func all(for configuration: RedisConfiguration) -> [HandshakeStep] {
        var steps: [HandshakeStep] = []
        if let password = configuration.password {
            var command = RedisCommand("AUTH")
            if let username = configuration.username { command.append(username) }
            command.append(password)
            steps.append(HandshakeStep(command: command))
        }
        if configuration.database != 0 {
            steps.append(HandshakeStep(command: RedisCommand("SELECT", String(configuration.database))))
        }
        if let name = configuration.clientName {
            steps.append(HandshakeStep(command: RedisCommand("CLIENT", "SETNAME", name), isRequired: false))
        }
        steps.append(HandshakeStep(command: RedisCommand("INFO", "server"), isRequired: false, tellsRunID: true))
        // While Redis loads its data it answers all of the above; PING is what tells LOADING.
        steps.append(HandshakeStep(command: RedisCommand("PING")))
        return steps
    }

    /// Finds `run_id:` in the reply to `INFO server`.
    static func runID(in info: String) -> String? {
        info.split(whereSeparator: \.isNewline)
            .first { $0.hasPrefix("run_id:") }
            .map { String($0.dropFirst("run_id:".count)) }
    }
}
