import API
import JSON
import Linux
import Varlink

/// What a read costs beside an echo of the same size.
enum Reads {
    private static let rounds = 40
    private static let each = 50

    static func measure(_ stage: Stage, _ stopwatch: Stopwatch) throws(BenchmarkError) -> Table.Section {
        let method = BrokerInterface.qualified("ListGPUs")
        let call = VarlinkMessage.call(method, .object([]), .single).bytes
        let library = try BenchmarkError.from { () throws(VarlinkClientError) in try VarlinkClient(path: stage.socket) }
        let parameters = try BenchmarkError.from { () throws(VarlinkClientError) in try library.call(method) }
        let answer = VarlinkMessage.reply(parameters).bytes
        // Two, as one of them is busy with the connection that is kept.
        let kept = try EchoServer(at: "\(stage.directory)/echo-kept", answer: answer)
        let fresh = try EchoServer(at: "\(stage.directory)/echo-new", answer: answer)
        let keptEcho = try Connection(to: kept.path)
        let keptRead = try Connection(to: stage.socket)
        let times = try stopwatch.time(
            rounds: rounds, each: each,
            [
                .init { () throws(BenchmarkError) in try keptEcho.call(call) },
                .init { () throws(BenchmarkError) in try keptRead.call(call) },
                .init { () throws(BenchmarkError) in
                    _ = try BenchmarkError.from { () throws(VarlinkClientError) in try library.call(method) }
                },
                .init { () throws(BenchmarkError) in try Connection(to: fresh.path).call(call) },
                .init { () throws(BenchmarkError) in try Connection(to: stage.socket).call(call) },
            ])
        return Table.Section(
            title: "Reads, \(call.count) bytes there and \(answer.count) back, \(rounds * each) times",
            rows: [
                Table.Row("echo, kept connection", times[0]),
                Table.Row("ListGPUs, kept connection", times[1], beside: times[0], aim: "1.5 x"),
                Table.Row("the same, decoded by the client library", times[2], beside: times[0]),
                Table.Row("echo, new connection", times[3]),
                Table.Row("ListGPUs, new connection", times[4], beside: times[3], aim: "2 x"),
            ])
    }

    /// A connection that actions share.
    private final class Connection {
        private var exchange: MessageExchange

        init(to path: String) throws(BenchmarkError) {
            exchange = try BenchmarkError.from { () throws(SystemError) in try MessageExchange(connectingTo: path) }
        }

        func call(_ message: [UInt8]) throws(BenchmarkError) { try exchange.call(message) }
    }
}
