import NIOCore

/// A client of the guide dialect, as simple as the access guide's samples: it sends while it is connected, shows what
/// comes, and after a reconnect just goes on.
///
/// Owner: its connection's event loop.
// @unchecked: all state is read and written on the event loop only.
final class GuideClient: LoadClient, @unchecked Sendable {
    let name: String
    let connection: ClientConnection
    var conversations: [String] = []
    private let recorder: Recorder
    private var count = 0

    init(name: String, connection: ClientConnection, recorder: Recorder) {
        self.name = name
        self.connection = connection
        self.recorder = recorder
        recorder.recordOpenings(of: connection, name)
        connection.onText = { [weak self] in self?.received($0) }
    }

    var isSettled: Bool { connection.isOpen }

    func speak(in conversation: String?) {
        guard connection.isOpen else { return }
        count += 1
        let label = History.Label(name, count)
        recorder.record(.sent(label, connection: connection.opened))
        let reference = conversation.map { #""conversationId":"\#($0)","# } ?? ""
        connection.send(#"{\#(reference)"senderId":"\#(name)","content":"\#(recorder.text(of: label))"}"#)
    }

    private func received(_ text: ByteBuffer) {
        guard let frame = ServerFrame.read(text) else { return recorder.noteProblem("unreadable") }
        if let error = frame.error { return recorder.noteProblem(error.code ?? "?") }
        guard let label = frame.label, let place = frame.place else { return recorder.noteProblem("not a message") }
        recorder.record(.shown(reader: name, label, place))
    }
}
