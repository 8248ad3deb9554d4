internal import JSON

/// `org.varlink.service`, and which calls reach the service at all.
struct ServiceInterface {
    private let interfaces: [VarlinkInterface]
    private let info: VarlinkMessage
    private let descriptions: [VarlinkMessage]

    init(_ identity: VarlinkServiceIdentity) {
        interfaces = [.service] + identity.interfaces
        info = .reply([
            "vendor": .string(identity.vendor), "product": .string(identity.product),
            "version": .string(identity.version), "url": .string(identity.url),
            "interfaces": .array(interfaces.map { .string($0.name) }),
        ])
        descriptions = interfaces.map { .reply(["description": .string($0.description)]) }
    }

    /// Answers what every service answers, and throws on what no interface declares.
    ///
    /// - Returns: nil where the call is the service's own to answer.
    func answer(_ call: VarlinkCall) throws(VarlinkError) -> VarlinkMessage? {
        guard let (name, member) = VarlinkCall.split(call.method) else { throw .methodNotFound(call.method) }
        guard let interface = interfaces.first(where: { $0.name.hasBytes(of: name) }) else {
            throw .interfaceNotFound(name)
        }
        guard interface.declares(member) else { throw .methodNotFound(call.method) }
        guard call.mode != .upgrade else { throw .methodNotImplemented(call.method) }
        guard name.hasBytes(of: VarlinkInterface.service.name) else { return nil }
        do throws(JSONShapeError) {
            return try member.hasBytes(of: "GetInfo") ? answerInfo(call) : answerDescription(call)
        } catch {
            throw VarlinkError(error)
        }
    }

    private func answerInfo(_ call: VarlinkCall) throws(JSONShapeError) -> VarlinkMessage {
        try JSONObjectReader(call.parameters, nullIsAbsent: true).finish()
        return info
    }

    private func answerDescription(_ call: VarlinkCall) throws(JSONShapeError) -> VarlinkMessage {
        var parameters = try JSONObjectReader(call.parameters, nullIsAbsent: true)
        let name = try parameters.string("interface")
        try parameters.finish()
        guard let index = interfaces.firstIndex(where: { $0.name.hasBytes(of: name) }) else {
            return .error(.interfaceNotFound(name))
        }
        return descriptions[index]
    }
}
