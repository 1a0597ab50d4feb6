// What the first tab shows at the first visit, in lines that fit a narrow window.
export const defaultQuery = `# Ctrl+Enter runs the operation at the cursor,
# Ctrl+/ takes one out of its comment.
#
# signup and login set a cookie: from then on
# you are signed in here. To be somebody else,
# put their token into the Headers tab:
# { "Authorization": "Bearer …" }

query Me {
  me { id username displayName }
}

# mutation SignUp {
#   signup(input: {
#     username: "ada"
#     password: "correct horse battery"
#   }) {
#     user { id displayName }
#   }
# }

# query People {
#   sidebarUsers { nodes { id displayName } }
# }

# mutation Say {
#   sendMessage(input: {
#     to: { userId: "an id from People" }
#     body: "Hello!"
#   }) {
#     id seq sentAt
#   }
# }

# To hear what you say, run this in another
# browser tab: "+" stops it.
# subscription Listen {
#   newMessage {
#     cursor
#     message { body sender { displayName } }
#   }
# }
`;
