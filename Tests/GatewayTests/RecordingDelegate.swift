import Gateway
import NIOCore

/// Writes down what a WebSocket told it.
final class RecordingDelegate: WebSocketDelegate {
    enum Event: Equatable {
        case connected
        case text(String)
        case pong(String)
        case readCompleted
        case writability(Bool)
        case disconnected
    }

    private(set) var events: [Event] = []
    private(set) var socket: WebSocketHandler?
    /// What to do with a message, besides writing it down.
    var onText: (WebSocketHandler, String) -> Void = { _, _ in }

    /// Without the ends of reads, which say nothing about what was read.
    var heard: [Event] { events.filter { $0 != .readCompleted } }

    func connected(_ socket: WebSocketHandler) {
        self.socket = socket
        events.append(.connected)
    }
    func received(text: ByteBuffer) {
        let text = String(buffer: text)
        events.append(.text(text))
        if let socket { onText(socket, text) }
    }
    func receivedPong(_ payload: ByteBuffer) { events.append(.pong(String(buffer: payload))) }
    func readCompleted() { events.append(.readCompleted) }
    func writabilityChanged(isWritable: Bool) { events.append(.writability(isWritable)) }
    func disconnected() { events.append(.disconnected) }
}
