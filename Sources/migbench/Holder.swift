import API
import JSON
import Varlink

/// Somebody who takes slices and gives them back, over one connection.
final class Holder {
    private let client: VarlinkClient
    private var leases: [String] = []

    init(_ stage: Stage) throws(BenchmarkError) { client = try stage.client() }

    /// Takes so many slices of the stage's profile, all or none.
    func request(count: Int) throws(BenchmarkError) {
        let wish = LeaseRequest(profiles: [Stage.profile], count: count)
        let reply: LeaseReply = try change("Request", wish.json)
        guard reply.leases.count == count else {
            throw .unexpected("a request for \(count) slices gave \(reply.leases.count)")
        }
        leases = reply.leases.map(\.id)
    }

    /// Gives back what the last request gave.
    func release() throws(BenchmarkError) {
        let reply: ReleaseReply = try change("Release", ReleaseRequest(leases: leases).json)
        guard reply.leases.map(\.id) == leases else { throw .unexpected("not the leases that were to be released") }
    }

    private func change<Reply: WireObject>(
        _ method: String, _ parameters: JSONValue
    ) throws(BenchmarkError) -> Reply {
        let value = try BenchmarkError.from { () throws(VarlinkClientError) in
            try client.call(BrokerInterface.qualified(method), parameters)
        }
        return try BenchmarkError.from { () throws(JSONShapeError) in try Reply(json: value) }
    }
}
