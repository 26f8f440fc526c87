/// One command of those that open a connection: `AUTH`, `SELECT`, `CLIENT SETNAME`, `ROLE`, `INFO server`, `PING`.
struct HandshakeStep {
    let command: RedisCommand
    /// Whether an error reply means that the connection is of no use.
    var isRequired = true
    /// Whether the reply holds `run_id`.
    var tellsRunID = false
    /// Whether the reply says if this is a primary, which it must be.
    var tellsRole = false

    /// - Parameter requiresPrimary: Whether a server that is not a primary is of no use.
    static func all(for configuration: RedisConfiguration, requiresPrimary: Bool) -> [HandshakeStep] {
        var steps = logIn(configuration)
        if configuration.database != 0 {
            steps.append(HandshakeStep(command: RedisCommand("SELECT", String(configuration.database))))
        }
        if let name = configuration.clientName {
            steps.append(HandshakeStep(command: RedisCommand("CLIENT", "SETNAME", name), isRequired: false))
        }
        if requiresPrimary { steps.append(HandshakeStep(command: RedisCommand("ROLE"), tellsRole: true)) }
        steps.append(HandshakeStep(command: RedisCommand("INFO", "server"), isRequired: false, tellsRunID: true))
        // While Redis loads its data it answers all of the above; PING is what tells LOADING.
        steps.append(HandshakeStep(command: RedisCommand("PING")))
        return steps
    }

    /// `AUTH`, if there is a password.
    static func logIn(_ configuration: RedisConfiguration) -> [HandshakeStep] {
        guard let password = configuration.password else { return [] }
        var command = RedisCommand("AUTH")
        if let username = configuration.username { command.append(username) }
        command.append(password)
        return [HandshakeStep(command: command)]
    }

    /// Finds `run_id:` in the reply to `INFO server`.
    static func runID(in info: String) -> String? {
        info.split(whereSeparator: \.isNewline)
            .first { $0.hasPrefix("run_id:") }
            .map { String($0.dropFirst("run_id:".count)) }
    }
}
