import Hummingbird
import Messaging

/// `/customers`: list, read, create, change, a token for one, and the end of all of one's tokens. For agents of any role.
///
/// Source: access guide, "Customer Management API".
struct CustomerRoutes: Sendable {
    let customers: CustomerStore
    let tokens: TokenStore
    let bodies: BodyReader

    func add(to group: RouterGroup<APIContext>) {
        group.get("customers") { request, _ in
            let query = try QueryParameters(
                of: request,
                known: ["name", "channel", "active", "tag"] + QueryParameters.pagingNames
            )
            let filter = CustomerFilter(
                name: try query.text("name"),
                channel: try query.text("channel").map { try TextRules.channel($0, field: "channel") },
                active: try query.flag("active"),
                tag: try query.text("tag")
            )
            let (page, size) = try query.paging()
            let found = try await customers.customers(matching: filter, page: page, size: size)
            return try APIResponse.success(PageJSON(found, CustomerJSON.init))
        }
        group.post("customers") { request, _ in
            let body = try await bodies.read(NewCustomer.self, from: request)
            return try APIResponse.success(CustomerJSON(try await customers.create(body.profile)), status: .created)
        }
        group.get("customers/:id") { _, context in
            try APIResponse.success(CustomerJSON(try await customers.customer(try context.id(of: "customer"))))
        }
        group.put("customers/:id") { request, context in
            let id = try context.id(of: "customer")
            let changes = try await bodies.read(CustomerChanges.self, from: request)
            var profile = try await customers.customer(id).profile
            changes.apply(to: &profile)
            try CustomerFields.checkIdentities(of: profile)
            let changed = try await customers.update(id) { changes.apply(to: &$0) }
            return try APIResponse.success(CustomerJSON(changed))
        }
        group.post("customers/:id/token") { _, context in
            let issued = try await tokens.issueToken(for: try context.id(of: "customer"))
            return try APIResponse.success(CustomerTokenJSON(issued))
        }
        group.delete("customers/:id/tokens") { _, context in
            let revoked = try await tokens.revokeTokens(ofCustomer: try context.id(of: "customer"))
            return try APIResponse.success(RevocationJSON(revoked: revoked))
        }
    }
}

/// What a revocation is answered with.
struct RevocationJSON: Encodable {
    /// Live tokens that ended.
    let revoked: Int
}

/// One page of a listing.
struct PageJSON<Element: Encodable>: Encodable {
    let content: [Element]
    let totalElements: Int
    let totalPages: Int
    let page: Int
    let size: Int

    init<Item>(_ page: Page<Item>, _ element: (Item) -> Element) {
        content = page.content.map(element)
        totalElements = page.totalElements
        totalPages = page.totalPages
        self.page = page.page
        size = page.size
    }
}

/// A customer as agents see them: the guide's fields, the channel ids, and when the record was made and changed. What is
/// not known is left out.
struct CustomerJSON: Encodable {
    let id: String
    let name: String
    let primaryChannel: String
    let email: String?
    let phone: String?
    let tags: [String]
    let notes: String?
    let active: Bool
    let wechatOpenId: String?
    let whatsappPhone: String?
    let lineUserId: String?
    let telegramId: String?
    let facebookPsid: String?
    let appUserId: String?
    let lastInteractionAt: String
    let createdAt: String
    let updatedAt: String

    init(_ customer: Customer) {
        let profile = customer.profile
        id = customer.id.description
        name = profile.name
        primaryChannel = profile.primaryChannel.rawValue
        email = profile.email
        phone = profile.phone
        tags = profile.tags
        notes = profile.notes
        active = profile.active
        wechatOpenId = profile.channelIDs[.weChat]
        whatsappPhone = profile.channelIDs[.whatsApp]
        lineUserId = profile.channelIDs[.line]
        telegramId = profile.channelIDs[.telegram]
        facebookPsid = profile.channelIDs[.facebook]
        appUserId = profile.channelIDs[.app]
        lastInteractionAt = customer.lastInteractionAt.iso8601
        createdAt = customer.createdAt.iso8601
        updatedAt = customer.updatedAt.iso8601
    }
}
