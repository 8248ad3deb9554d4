import API
import JSON
@testable import Varlink

/// What the daemon does with the bytes that a stranger sends, as far as the answer does not depend on who he is: cuts them into
/// messages, decodes each, and reads the parameters of the method that it names.
@c(LLVMFuzzerTestOneInput)
public func fuzzWire(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    var buffer = MessageBuffer(longest: Wire.limits.bytes)
    var rest = bytes[...]
    // Parts of the size that the first byte says: messages come in pieces as the network likes.
    let part = 1 + Int(bytes.first ?? 0)
    while !rest.isEmpty, !buffer.isOverlong {
        let count = min(part, buffer.room, rest.count)
        buffer.append(rest.prefix(count))
        rest = rest.dropFirst(count)
        while let message = buffer.takeMessage() { Wire.read(message) }
    }
    return 0
}

private enum Wire {
    /// Those of a call, but for strings and keys so few that short inputs reach them.
    static let limits = JSONLimits(
        bytes: 2 << 10, depth: JSONLimits.call.depth, keysPerObject: 20, stringBytes: 256)

    /// What a call's parameters can be.
    private static let requests: [any WireObject.Type] = [
        ListProfilesRequest.self, ListInstancesRequest.self, ListDevicesRequest.self, ListLeasesRequest.self,
        GetOperationRequest.self, ExplainRequest.self, LeaseRequest.self, RenewRequest.self, ReleaseRequest.self,
        CreateGPUInstancesRequest.self, DestroyGPUInstancesRequest.self, CreateComputeInstancesRequest.self,
        DestroyComputeInstancesRequest.self, SetMIGModeRequest.self, QueryAuditRequest.self,
    ]

    static func read(_ message: [UInt8]) {
        do throws(MalformedMessage) {
            let call = try CallHeader(message, limits: limits)
            checkWriting(call.parameters)
            // Of every method, not only the one that is named: the fuzzer need not guess names.
            for request in requests { readParameters(call.parameters, as: request) }
        } catch {
            precondition(!error.description.isEmpty)
        }
    }

    /// What was read and is written has the same meaning, in each of the two spellings.
    private static func checkWriting(_ value: JSONValue) {
        for asciiOnly in [false, true] {
            let bytes = value.bytes(asciiOnly: asciiOnly)
            precondition(!bytes.contains { $0 < 0x20 }, "a control byte is written as it is")
            do throws(JSONSyntaxError) {
                let read = try JSONParser.parse(bytes, limits: .reply)
                precondition(read == value, "written and read, it is another")
            } catch {
                preconditionFailure("what is written cannot be read: \(error)")
            }
        }
    }

    private static func readParameters<Request: WireObject>(_ parameters: JSONValue, as type: Request.Type) {
        guard let request = try? type.init(json: parameters) else { return }
        do throws(JSONShapeError) {
            let read = try type.init(json: request.json)
            precondition(read.json == request.json, "written and read, it is another")
        } catch {
            preconditionFailure("a request does not read what it writes: \(error)")
        }
    }
}
