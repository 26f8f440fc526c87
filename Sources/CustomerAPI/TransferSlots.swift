import Messaging
import Synchronization

/// How many files this program takes, or sends, at the same time, so that slow ones can't fill its memory and descriptors.
///
/// A customer's token costs nothing, so customers together never have all slots: agents go on working.
///
/// A `Mutex` guards it.
final class TransferSlots: Sendable {
    /// How many there are, and how many of them customers may have together.
    let all, forCustomers: Int
    /// How many one customer or agent may have.
    let ofOne: Int

    private let taken = Mutex(Taken())

    private struct Taken {
        var byOwner: [UniqueID: Int] = [:]
        var all = 0
        var byCustomers = 0
    }

    init(all: Int, forCustomers: Int, ofOne: Int) {
        self.all = all
        self.forCustomers = forCustomers
        self.ofOne = ofOne
    }

    /// Its owner's until nobody holds it.
    final class Slot: Sendable {
        private let slots: TransferSlots
        private let owner: Principal

        fileprivate init(_ slots: TransferSlots, _ owner: Principal) {
            self.slots = slots
            self.owner = owner
        }

        deinit { slots.free(owner) }
    }

    /// - Throws: 429 when there is none for this customer or agent.
    func take(for owner: Principal) throws -> Slot {
        let isFree = taken.withLock { taken in
            let own = taken.byOwner[owner.id] ?? 0
            guard own < ofOne, taken.all < all, !owner.isCustomer || taken.byCustomers < forCustomers else {
                return false
            }
            taken.byOwner[owner.id] = own + 1
            taken.all += 1
            if owner.isCustomer { taken.byCustomers += 1 }
            return true
        }
        guard isFree else {
            throw MessagingError(
                .rateLimited,
                "Too many files are being sent at this moment. Please try again.",
                retryAfter: .seconds(1)
            )
        }
        return Slot(self, owner)
    }

    private func free(_ owner: Principal) {
        taken.withLock { taken in
            let own = taken.byOwner[owner.id] ?? 0
            taken.byOwner[owner.id] = own > 1 ? own - 1 : nil
            taken.all -= 1
            if owner.isCustomer { taken.byCustomers -= 1 }
        }
    }
}

extension Principal {
    fileprivate var isCustomer: Bool { if case .customer = self { true } else { false } }
}
