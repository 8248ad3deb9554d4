internal import Glibc

/// A way to the system's journal: datagrams that are taken at once or not at all.
///
/// Nothing is ever connected, so a journal that was restarted hears the next message.
package struct JournalSocket: ~Copyable, Sendable {
    private let descriptor: FileDescriptor
    private let path: String

    /// Messages go to whoever listens at the path then; nobody needs to do so yet. `socket(2)`
    package init(at path: String) throws(SystemError) {
        let kind = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        descriptor = FileDescriptor(owning: try checked("socket") { socket(AF_UNIX, kind, 0) })
        self.path = path
    }

    /// Sends one message, whole or not at all; does not wait. `sendto(2)`
    ///
    /// `EAGAIN` is a journal that must read first, `EMSGSIZE` a message too long for this kernel's buffers.
    package func send(_ message: [UInt8]) throws(SystemError) {
        let raw = descriptor.raw
        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
        // SAFETY: the address lives through the closure, the bytes through the call.
        try unsafe UnixSocket.withAddress(of: path) { address, length throws(SystemError) in
            _ = try checked("sendto", path) {
                unsafe message.withUnsafeBytes { bytes in
                    unsafe sendto(raw, bytes.baseAddress, bytes.count, flags, address, length)
                }
            }
        }
    }
}
