import CNVML
import Glibc
import SimulatedMachine
import Synchronization

/// This process's use of the library: counted beginnings, and the machine it is about.
enum Session {
    private struct State {
        var count = 0
        /// Tells handles of this session from those of an earlier one.
        var epoch: UInt32 = 0
        /// The load of the driver in which the session began.
        var load: UInt32 = 0
        var machine: Machine?
        var mark: DriverSession?
        var hasComplained = false
    }

    private static let current = Mutex(State())

    static func begin(
        as function: StaticString, toleratingNoGPU: Bool, isAttaching: Bool = true
    ) -> nvmlReturn_t {
        do throws(MachineError) {
            let machine = try machine()
            return try machine.meetingFaults(in: function) { () throws(MachineError) in
                try machine.mend()
                try machine.requireUse(try machine.state())
                let mark = try machine.beginSession(isAttaching: isAttaching)
                let state = try machine.state()
                guard toleratingNoGPU || !state.gpus.isEmpty else { throw .refused(.notFound) }
                current.withLock { session in
                    session.count += 1
                    guard session.count == 1 else { return }
                    session.mark = mark
                    session.epoch = session.epoch &+ 1 & Handle.epochs
                    session.load = state.load
                }
            }
        } catch {
            return report(error)
        }
    }

    static func end() -> nvmlReturn_t {
        answer("nvmlShutdown", lost: true) { _ throws(MachineError) in
            current.withLock { session in
                session.count -= 1
                if session.count == 0 { session.mark = nil }
            }
        }
    }

    /// The machine that this library is part of; opened once and kept, whatever sessions come and go.
    static func machine() throws(MachineError) -> Machine {
        if let machine = current.withLock({ $0.machine }) { return machine }
        let machine = try Machine(directory: MachineLocation.directory)
        return current.withLock { session in
            let first = session.machine ?? machine
            session.machine = first
            return first
        }
    }

    /// What shows others that this process uses the driver.
    static var mark: DriverSession? { current.withLock { $0.mark } }

    /// What a call may go by: nil while nobody has begun a session.
    static var terms: (epoch: UInt32, load: UInt32)? {
        current.withLock { $0.count > 0 ? ($0.epoch, $0.load) : nil }
    }

    /// The code of an error. What is wrong with the machine's files no code can tell, so it is said once on stderr.
    static func report(_ error: MachineError) -> nvmlReturn_t {
        if case .damaged = error, current.withLock({ !$0.hasComplained }) {
            current.withLock { $0.hasComplained = true }
            let line = Array("simulated driver: \(error)\n".utf8)
            _ = write(2, line, line.count)
        }
        return nvmlReturn_t(error.code)
    }
}

/// One call of the library: the machine as it stands, and the session's terms.
struct Call {
    let machine: Machine
    let state: MachineState
    let epoch: UInt32

    /// What the kernel module would let this caller do.
    var rights: CallerRights { CallerRights(machine.nodes(state)) }

    /// Refuses who may not make, destroy or list instances.
    func requireConfigure() throws(MachineError) {
        guard rights.mayConfigure else { throw .refused(.noPermission) }
    }
}

/// Runs the body of an exported function and turns what it throws into the function's return code.
///
/// `uninitialized` is for the few calls that need no session, `lost` for those that outlive the driver they began with.
func answer(
    _ function: StaticString = #function, uninitialized: Bool = false, lost: Bool = false,
    _ body: (Call) throws(MachineError) -> Void
) -> nvmlReturn_t {
    do throws(MachineError) {
        let terms = Session.terms
        guard terms != nil || uninitialized else { return NVML_ERROR_UNINITIALIZED }
        let machine = try Session.machine()
        return try machine.meetingFaults(in: function) { () throws(MachineError) in
            let state = try machine.state()
            guard terms?.load == state.load || uninitialized || lost else { throw .refused(.gpuIsLost) }
            try body(Call(machine: machine, state: state, epoch: terms?.epoch ?? 0))
        }
    } catch {
        return Session.report(error)
    }
}

extension Machine {
    /// Does the work of a function, unless a fault strikes before or says afterwards that it came to something else.
    fileprivate func meetingFaults(
        in function: StaticString, _ work: () throws(MachineError) -> Void
    ) throws(MachineError) -> nvmlReturn_t {
        let fault = try meetFault(in: function)
        if let fault, !fault.isLate, let code = fault.strike() { return nvmlReturn_t(code) }
        var result = NVML_SUCCESS
        do throws(MachineError) {
            try work()
        } catch {
            result = Session.report(error)
        }
        if let fault, fault.isLate, let code = fault.strike() { return nvmlReturn_t(code) }
        return result
    }

    /// Meets faults under the bare name of a function, `nvmlInit_v2` for `nvmlInit_v2(_:)`.
    private func meetFault(in function: StaticString) throws(MachineError) -> Fault? {
        guard try !faults().isEmpty else { return nil }
        return try meetFault(in: String(function.description.prefix { $0 != "(" }))
    }
}

extension nvmlReturn_t {
    init(_ code: DriverCode) { self.init(UInt32(bitPattern: code.rawValue)) }
}
