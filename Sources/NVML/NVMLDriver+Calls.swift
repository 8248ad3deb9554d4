internal import CNVML

// How C answers become Swift values: a code becomes an error, a buffer a text, a filled array a list.
//
// The closures get pointers that live through the closure and have the room that is told beside them; with that kept
// here, calling these is safe.
extension NVMLDriver {
    /// Runs one function of the library; anything but success is thrown under its name.
    static func call(_ name: String, _ body: () -> nvmlReturn_t) throws(NVMLError) {
        switch NVMLReturn(body()) {
        case .success: return
        case .driverNotLoaded: throw .driverNotLoaded
        case let code: throw .call(name, code)
        }
    }

    func call(_ name: String, _ body: () -> nvmlReturn_t) throws(NVMLError) {
        try Self.call(name, body)
    }

    /// Reads a text that a function writes into a buffer of the size that the library prescribes.
    @safe func text(
        _ name: String, _ capacity: UInt32, _ body: (UnsafeMutablePointer<CChar>?, UInt32) -> nvmlReturn_t
    ) throws(NVMLError) -> String {
        var buffer = [CChar](repeating: 0, count: Int(capacity))
        try call(name) {
            // SAFETY: the buffer has room for capacity bytes, and the function is told so.
            unsafe buffer.withUnsafeMutableBufferPointer { unsafe body($0.baseAddress, capacity) }
        }
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Reads the number that a function tells.
    @safe func number(
        _ name: String, _ body: (UnsafeMutablePointer<UInt32>) -> nvmlReturn_t
    ) throws(NVMLError) -> Int {
        var value: UInt32 = 0
        // SAFETY: the value lives through the call.
        try call(name) { unsafe withUnsafeMutablePointer(to: &value) { unsafe body($0) } }
        return Int(value)
    }

    /// Reads the handle that a function gives.
    @safe func handle<Kind: Handle>(
        _ name: String, _ body: (UnsafeMutablePointer<OpaquePointer?>) -> nvmlReturn_t
    ) throws(NVMLError) -> Kind {
        var value: OpaquePointer?
        // SAFETY: the value lives through the call.
        try call(name) { unsafe withUnsafeMutablePointer(to: &value) { unsafe body($0) } }
        // For a call that makes something this means that nothing was made.
        guard let value = unsafe value else { throw .notDone(call: name, found: "gave no handle") }
        return unsafe Kind(raw: value)
    }

    /// Reads the handles that a function lists.
    @safe func handles<Kind: Handle>(
        _ name: String, capacity: Int,
        _ body: (UnsafeMutablePointer<OpaquePointer?>?, UnsafeMutablePointer<UInt32>) -> nvmlReturn_t
    ) throws(NVMLError) -> [Kind] {
        let values = unsafe try list(name, OpaquePointer?.none, capacity: capacity) { unsafe body($0, $1) }
        return unsafe values.compactMap { unsafe $0.map { unsafe Kind(raw: $0) } }
    }

    /// Reads the list that a function fills, and whose length it tells.
    ///
    /// The capacity is how many there can be at most; a longer list is nonsense.
    @safe func list<Item>(
        _ name: String, _ empty: Item, capacity: Int,
        _ body: (UnsafeMutablePointer<Item>?, UnsafeMutablePointer<UInt32>) -> nvmlReturn_t
    ) throws(NVMLError) -> [Item] {
        var items = [Item](repeating: empty, count: capacity)
        var count = UInt32(clamping: capacity)
        try call(name) {
            // SAFETY: the array has room for capacity items, and the count lives through the call.
            unsafe items.withUnsafeMutableBufferPointer { buffer in
                unsafe withUnsafeMutablePointer(to: &count) { unsafe body(buffer.baseAddress, $0) }
            }
        }
        guard count <= capacity else { throw .nonsense(call: name, answer: "\(count) where \(capacity) fit") }
        return Array(items.prefix(Int(count)))
    }

    /// The text in a struct's array of characters, which Swift sees as a tuple.
    static func text<Characters>(in characters: Characters) -> String {
        unsafe withUnsafeBytes(of: characters) { bytes in
            // SAFETY: the bytes are those of a copy that lives through the closure.
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
