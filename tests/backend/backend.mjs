// The usual chat backend of Express and Mongoose, cut down to what writes: people sign up, and write to each other.

import bcrypt from 'bcryptjs';
import express from 'express';
import mongoose from 'mongoose';

const { ObjectId } = mongoose.Schema.Types;

export const User = mongoose.model(
  'User',
  new mongoose.Schema(
    {
      fullName: { type: String, required: true },
      username: { type: String, required: true, unique: true },
      password: { type: String, required: true, minlength: 6 },
      gender: { type: String, required: true, enum: ['male', 'female'] },
      profilePic: { type: String, default: '' },
    },
    { timestamps: true },
  ),
);

export const Message = mongoose.model(
  'Message',
  new mongoose.Schema(
    {
      senderId: { type: ObjectId, ref: 'User', required: true },
      receiverId: { type: ObjectId, ref: 'User', required: true },
      message: { type: String, required: true },
    },
    { timestamps: true },
  ),
);

export const Conversation = mongoose.model(
  'Conversation',
  new mongoose.Schema(
    {
      participants: [{ type: ObjectId, ref: 'User' }],
      messages: [{ type: ObjectId, ref: 'Message', default: [] }],
    },
    { timestamps: true },
  ),
);

export function backend() {
  const app = express();
  app.use(express.json());

  app.post('/api/auth/signup', async (request, response) => {
    const { fullName, username, password, gender } = request.body;
    if (await User.findOne({ username })) {
      return response.status(400).json({ error: 'Username already exists' });
    }
    const hash = await bcrypt.hash(password, await bcrypt.genSalt(10));
    const profilePic = `https://avatar.example.org/public/${gender}?username=${username}`;
    const user = new User({ fullName, username, password: hash, gender, profilePic });
    await user.save();
    response.status(201).json({ _id: user._id, username });
  });

  // The cookie with the session is left out: who sends stands in the path.
  app.post('/api/:sender/messages/send/:receiver', async (request, response) => {
    const { sender: senderId, receiver: receiverId } = request.params;
    const participants = [senderId, receiverId];
    let conversation = await Conversation.findOne({ participants: { $all: participants } });
    conversation ??= await Conversation.create({ participants });
    const message = new Message({ senderId, receiverId, message: request.body.message });
    conversation.messages.push(message._id);
    await Promise.all([conversation.save(), message.save()]);
    response.status(201).json(message);
  });

  return app;
}
