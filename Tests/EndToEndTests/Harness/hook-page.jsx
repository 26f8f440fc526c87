// A page around the guide's React hook: it shows what the hook gives and calls what it offers.
import React, { useState } from 'react';
import { createRoot } from 'react-dom/client';
import { useCustomerWebSocket } from './hook';

function Chat({ token }) {
  const { isConnected, messages, sendMessage } = useCustomerWebSocket(token);
  const [text, setText] = useState('');
  return (
    <div>
      <div id="state">{isConnected ? 'connected' : 'not connected'}</div>
      <ul id="messages">{messages.map((message, index) => <li key={index}>{message.content}</li>)}</ul>
      <input id="text" value={text} onChange={(event) => setText(event.target.value)} />
      <button id="send" onClick={() => sendMessage(text)}>Send</button>
    </div>
  );
}

const root = createRoot(document.getElementById('root'));
root.render(<Chat token={new URLSearchParams(location.search).get('token')} />);
window.leave = () => root.unmount();
