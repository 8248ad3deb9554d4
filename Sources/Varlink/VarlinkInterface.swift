internal import JSON

/// An interface that a service offers: its name, its text, and the methods that the text declares.
package struct VarlinkInterface: Sendable {
    /// Reverse-domain, `io.migbroker.Broker`.
    package let name: String
    /// The interface in the Varlink language, with LF at every line's end; served as it is.
    package let description: String
    private let methods: Set<[UInt8]>

    /// Reads name and methods off the text, so that no method can be served that is not declared.
    ///
    /// The text is the program's own: one without an interface line is a mistake in the program.
    package init(_ description: String) {
        let lines = description.utf8.split(separator: UInt8(ascii: "\n"))
        let names = lines.compactMap { Self.word(after: "interface ", in: $0) }
        guard let name = names.first else { preconditionFailure("a description starts with its interface's name") }
        self.name = String(decoding: name, as: UTF8.self)
        self.description = description
        methods = Set(lines.compactMap { Self.word(after: "method ", in: $0) })
    }

    /// Whether the text declares a method of that name.
    package func declares(_ method: String) -> Bool { methods.contains(Array(method.utf8)) }

    private static func word(after keyword: String, in line: Substring.UTF8View.SubSequence) -> [UInt8]? {
        guard line.starts(with: keyword.utf8) else { return nil }
        return line.dropFirst(keyword.utf8.count).prefix { $0 != UInt8(ascii: "(") && $0 != UInt8(ascii: " ") }.map {
            $0
        }
    }

    /// What every service offers.
    static let service = VarlinkInterface(
        """
        # What every Varlink service tells about itself.
        interface org.varlink.service

        # The service, and the interfaces it offers.
        method GetInfo() -> (
          vendor: string,
          product: string,
          version: string,
          url: string,
          interfaces: []string
        )

        # The text of one interface.
        method GetInterfaceDescription(interface: string) -> (description: string)

        # No interface of this name is offered.
        error InterfaceNotFound (interface: string)

        # The interface has no method of this name.
        error MethodNotFound (method: string)

        # The method is declared, but not offered in this way.
        error MethodNotImplemented (method: string)

        # A parameter is missing, unknown, of the wrong type or out of range.
        error InvalidParameter (parameter: string)

        # The caller may not do this.
        error PermissionDenied ()

        # The method must be called with 'more'.
        error ExpectedMore ()

        # The method must be called with 'upgrade'.
        error ExpectedUpgrade ()

        """)
}
