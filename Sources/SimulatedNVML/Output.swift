import SimulatedMachine

// Nothing is written through a pointer that the caller left empty.

/// Stores a value where the caller wants it.
func put<Value>(_ value: Value, into pointer: UnsafeMutablePointer<Value>?) throws(MachineError) {
    guard let pointer else { throw .refused(.invalidArgument) }
    pointer.pointee = value
}

/// Stores text with its NUL in a buffer of the caller's length.
func put(_ text: String, into buffer: UnsafeMutablePointer<CChar>?, _ length: UInt32) throws(MachineError) {
    guard let buffer else { throw .refused(.invalidArgument) }
    let bytes = text.utf8CString
    guard bytes.count <= length else { throw .refused(.insufficientSize) }
    for (index, byte) in bytes.enumerated() { buffer[index] = byte }
}

/// Stores as much of a text as a buffer of the caller's length takes, with its NUL.
func put(
    _ text: String, cutInto buffer: UnsafeMutablePointer<CChar>?, _ length: UInt32
) throws(MachineError) {
    guard let buffer, length > 0 else { throw .refused(.invalidArgument) }
    let bytes = text.utf8CString.dropLast().prefix(Int(length) - 1)
    for (index, byte) in bytes.enumerated() { buffer[index] = byte }
    buffer[bytes.count] = 0
}

/// Stores text in an array of a struct, which C shows to Swift as a tuple; what does not fit is cut.
func put<Tuple>(_ text: String, in tuple: inout Tuple) {
    withUnsafeMutableBytes(of: &tuple) { bytes in
        let room = bytes.count - 1
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        bytes.copyBytes(from: text.utf8.prefix(room))
    }
}

/// Stores handles or placements and their number. The caller's array is large enough by the library's rules.
func put<Value>(
    _ values: [Value], into array: UnsafeMutablePointer<Value>?, count: UnsafeMutablePointer<UInt32>?,
    countsOnly: Bool = false
) throws(MachineError) {
    guard let count else { throw .refused(.invalidArgument) }
    if let array {
        for (index, value) in values.enumerated() { array[index] = value }
    } else if !countsOnly {
        throw .refused(.invalidArgument)
    }
    count.pointee = UInt32(values.count)
}
